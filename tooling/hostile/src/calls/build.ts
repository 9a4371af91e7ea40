import type { World } from "../attacker/world.ts";
import type { Call, CallArgument, ErrorCase, Operation, Plan } from "./call.ts";

/** An operation on the attacker's world. */
export type AttackOperation = Operation<World>;

/** A call with register arguments. */
export const call = (number: number, ...args: readonly CallArgument[]): Call => ({
  number,
  arguments: args,
});

/** One way to fail, with the rule behind it. */
export const failing = (because: string, plan: (world: World) => Plan): ErrorCase<World> => ({
  because,
  plan,
});

/** Puts calls before the one that counts. */
export const after = (preparations: readonly (Plan | undefined)[], plan: Plan): Plan => {
  if (plan === null || preparations.some((preparation) => preparation === null)) return null;
  const all = [...preparations, plan].flatMap((part) => (part === null || part === undefined ? [] : part));
  return all as readonly Call[];
};

/** A sub-operation that is always refused. */
export const refused = (
  name: string,
  why: string,
  errors: Readonly<Record<string, ErrorCase<World>>>,
): AttackOperation => ({ name, succeeds: why, errors });

/** The rule that every pointer has to lead to the caller's own memory. */
export const BAD_POINTER =
  "the argument lies where the guest has no memory, or in the monitor's range [XEN xen.h]";
export const NO_DOMAIN = "no living domain has this number";
export const NOT_PRIVILEGED = "it is about another domain, and the caller is not privileged";
