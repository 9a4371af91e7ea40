import type { Form } from "../machine/form.ts";
import { type Definition, formsOf } from "../meanings/definition.ts";
import { DEFINITIONS } from "../meanings/index.ts";

/** One form and what it means. */
export interface Handler {
  readonly form: Form;
  readonly definition: Definition;
}

/** Handlers that belong to no instruction. Their numbers follow those of the forms. */
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
  readonly handlers: readonly Handler[];
  /** Handlers of the second function; their numbers begin at {@link count}. See `Definition.isApart`. */
  readonly apart: readonly Handler[];
  /** A handler by its number; none for special ones. */
  handler(number: number): Handler | undefined;
  /** Number of the handler of a form, by its key. */
  readonly numberOf: ReadonlyMap<string, number>;
  /** Number of a special handler. */
  special(name: SpecialHandler): number;
  /** Handlers of the first function, special ones included. */
  readonly count: number;
}

/**
 * Lists the handlers for 32-bit or (wide) 64-bit code. Where system instructions are left to TypeScript, the numbers of
 * theirs are not given away; the list is the same.
 */
export const createHandlerTable = (wide: boolean, leavesSystem = false): HandlerTable => {
  const handlers = DEFINITIONS.flatMap((definition) =>
    formsOf(definition, wide).map((form) => ({ form, definition })),
  );
  const unique = new Map(handlers.map((handler) => [handler.form.key, handler]));
  const isApart = ({ definition }: Handler): boolean => definition.isApart === true;
  const list = [...unique.values()].filter((handler) => !isApart(handler));
  const apart = [...unique.values()].filter(isApart);
  const count = list.length + SPECIAL.length;
  const numberOf = new Map<string, number>();
  for (const [number, { form, definition }] of list.entries()) {
    if (!leavesSystem || definition.isSystem !== true) numberOf.set(form.key, number);
  }
  for (const [number, { form }] of apart.entries()) numberOf.set(form.key, count + number);
  return {
    handlers: list,
    apart,
    handler: (number) => (number < count ? list[number] : apart[number - count]),
    numberOf,
    special: (name) => list.length + SPECIAL.indexOf(name),
    count,
  };
};
