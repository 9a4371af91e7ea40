import { errnoName } from "@xenolith/xen-abi";
import * as grant from "@xenolith/xen-abi/grant-table";
import { FAULTED } from "../attacker/layout.ts";
import { SUCCESS } from "./call.ts";

/** Results from this on are negative errnos. */
const FIRST_ERRNO = 0xffff_f001;

/** Outcome of a call in whose course the attacker's own code faulted. */
export const FAULT_OUTCOME = "fault";

/** Outcome of a call in whose course the domain ended, for this or for what was done to it before. */
export const END_OUTCOME = "end of the domain";

/** What a result in EAX says. */
export const outcomeOf = (result: number): string => {
  if (result === FAULTED) return FAULT_OUTCOME;
  return result >= FIRST_ERRNO ? errnoName(2 ** 32 - result) : SUCCESS;
};

/** What a result says that is a value, which may look like any errno: only those that are named are taken for one. */
export const valueOutcome =
  (...errnos: readonly string[]) =>
  (result: number): string => {
    const outcome = outcomeOf(result);
    return outcome === FAULT_OUTCOME || errnos.includes(outcome) ? outcome : SUCCESS;
  };

const GRANT_STATUS: ReadonlyMap<number, string> = new Map(
  Object.entries(grant)
    .filter(([name, value]) => name.startsWith("GNTST_") && typeof value === "number")
    .map(([name, value]) => [Number(value), name]),
);

/** Name of a grant status. */
export const statusOutcome = (status: number): string =>
  status === grant.GNTST_okay ? SUCCESS : (GRANT_STATUS.get(status) ?? `status ${status}`);
