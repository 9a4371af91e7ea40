import { add, i32, sub, type Value } from "@xenolith/wasm-emitter";
import type { FlagValues } from "../machine/conditions.ts";
import { FLAGS_KIND, type FlagsKind } from "../state/flags.ts";

/** A register of 4 or 8 bytes. */
export interface RegisterName {
  readonly register: number;
  readonly sizeBytes: number;
}

/** An operand of the flags: a constant, what a register holds, or (null) what follows from the others. */
type Name = RegisterName | Value | null;

/** Flags by the names of their operands. */
export interface NamedFlags {
  readonly kind: FlagsKind;
  readonly a: Name;
  readonly b: Name;
  readonly result: Name;
}

const { logic, subtract } = FLAGS_KIND;

/** Whether the operands that have names are enough to know all. */
const suffices = ({ kind, a, b, result }: NamedFlags): boolean => {
  if (kind === logic) return result !== null;
  if (kind !== FLAGS_KIND.add && kind !== subtract) return false;
  return [a, b, result].filter((name) => name !== null).length >= 2;
};

/** Names the operands of flags; null where that is not enough to bring them back. */
export const nameFlags = (
  flags: FlagValues,
  nameOf: (value: Value) => RegisterName | null,
): NamedFlags | null => {
  if (flags.kind === null) return null;
  const name = (value: Value): Name => (value.isConstant ? value : nameOf(value));
  const named = { kind: flags.kind, a: name(flags.a), b: name(flags.b), result: name(flags.result) };
  return suffices(named) ? named : null;
};

/** Flags from their names. `read` and `pin` give values that stay as they are when registers change. */
export const restoreFlags = (
  named: NamedFlags,
  read: (register: RegisterName) => Value,
  pin: (value: Value) => Value,
): FlagValues => {
  const { kind } = named;
  const value = (name: Name): Value | null => (name !== null && "register" in name ? read(name) : name);
  let a = value(named.a);
  let b = value(named.b);
  let result = value(named.result);
  const isDifference = kind === subtract;
  if (result === null && a !== null && b !== null) result = pin(isDifference ? sub(a, b) : add(a, b));
  if (a === null && b !== null && result !== null) a = pin(isDifference ? add(result, b) : sub(result, b));
  if (b === null && a !== null && result !== null) b = pin(isDifference ? sub(a, result) : sub(result, a));
  const none = i32(0);
  return { kind, dynamicKind: i32(kind), a: a ?? none, b: b ?? none, result: result ?? none };
};
