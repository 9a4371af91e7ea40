import type { Form } from "../machine/form.ts";
import { type Definition, formsOf, type SystemCode } from "../meanings/definition.ts";
import { DEFINITIONS } from "../meanings/index.ts";
import { PART, PART_COUNT, type Part } from "../meanings/part.ts";
import { partOf } from "./parts.ts";

/** One form and what it means. */
export interface Handler {
  readonly form: Form;
  readonly definition: Definition;
}

/** Handlers that belong to no instruction. Their numbers follow those of the common forms. */
export const SPECIAL = [
  "enter",
  "stop",
  "rare",
  "stale",
  "address",
  "bit-address",
  "second-page",
  "repeat-guard",
] as const;

/** Name of a special handler. */
export type SpecialHandler = (typeof SPECIAL)[number];

/** Handlers of an interpreter and their numbers. */
export interface HandlerTable {
  /** Handlers of instructions, by part. */
  readonly parts: readonly (readonly Handler[])[];
  /** Number of the first handler of a part. */
  firstOf(part: Part): number;
  /** The part that a handler belongs to; special ones are common. */
  partOf(number: number): Part;
  /** A handler by its number; none for special ones. */
  handler(number: number): Handler | undefined;
  /** Whether a handler means something else than without a monitor: then it calls what stands for it. */
  callsMonitor(number: number): boolean;
  /** Number of the handler of a form, by its key. */
  readonly numberOf: ReadonlyMap<string, number>;
  /** Number of a special handler. */
  special(name: SpecialHandler): number;
}

const definitionFor = (definition: Definition, system: SystemCode): Definition =>
  system === "monitored" && definition.underMonitor !== undefined
    ? { ...definition, meaning: definition.underMonitor }
    : definition;

/** All handlers of a width. Each form is said once. */
const handlersOf = (wide: boolean, system: SystemCode): readonly Handler[] =>
  DEFINITIONS.flatMap((definition) =>
    formsOf(definition, wide).map((form) => ({ form, definition: definitionFor(definition, system) })),
  );

const isGenerated = ({ system }: Definition, code: SystemCode): boolean =>
  system === undefined || system === code || (system === "both" && code !== "none");

/**
 * Lists the handlers for 32-bit or (wide) 64-bit code. Where system instructions are left to TypeScript, the numbers of
 * theirs are not given away; the list is the same.
 */
export const createHandlerTable = (wide: boolean, system: SystemCode = "bare"): HandlerTable => {
  const parts: Handler[][] = Array.from({ length: PART_COUNT }, () => []);
  for (const handler of handlersOf(wide, system))
    parts[partOf(handler.form, handler.definition)]?.push(handler);
  const specialAt = parts[PART.common]?.length ?? 0;
  const byNumber: (Handler | undefined)[] = [];
  const partByNumber: Part[] = [];
  const firsts: number[] = [];
  const numberOf = new Map<string, number>();
  for (const [part, handlers] of parts.entries()) {
    firsts.push(byNumber.length);
    for (const handler of handlers) {
      const { form, definition } = handler;
      if (isGenerated(definition, system)) numberOf.set(form.key, byNumber.length);
      byNumber.push(handler);
    }
    if (part === PART.common) for (const _ of SPECIAL) byNumber.push(undefined);
    while (partByNumber.length < byNumber.length) partByNumber.push(part as Part);
  }
  const specials = new Map(SPECIAL.map((name, index) => [name, specialAt + index]));
  return {
    parts,
    firstOf: (part) => firsts[part] ?? 0,
    partOf: (number) => partByNumber[number] ?? PART.common,
    handler: (number) => byNumber[number],
    callsMonitor: (number) => {
      const definition = byNumber[number]?.definition;
      return definition?.underMonitor !== undefined && definition.meaning === definition.underMonitor;
    },
    numberOf,
    special: (name) => specials.get(name) ?? 0,
  };
};
