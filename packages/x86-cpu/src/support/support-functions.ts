import { FLOATING_POINT_FUNCTIONS } from "../floating-point/index.ts";
import type { SystemCode } from "../meanings/definition.ts";
import { VECTOR_SUPPORT } from "../vector-support/index.ts";
import { INTEGER_FUNCTIONS } from "../vector-support/integer-functions.ts";
import { X87_FUNCTIONS } from "../x87/index.ts";
import { STRING_FUNCTIONS } from "./strings/index.ts";
import type { SupportFunction } from "./support-function.ts";
import { READ_ABSENT_PORT, WRITE_ABSENT_PORT } from "./system/absent-ports.ts";
import { BOUNCE_PAGE_FAULT } from "./system/bounce.ts";
import { KEPT_DESCRIPTOR, TAKE_DIRECT_GATE } from "./system/direct-gate.ts";
import { SYSTEM_FUNCTIONS } from "./system/index.ts";

/** Name of a group of support functions. */
export type SupportGroup = "general" | "x87" | "vector";

/**
 * Support functions by what they are for. Those of a group call none of another: each is a module of its own, generated when the
 * first of its functions is needed. Most kernels need `general` alone, which is the smallest.
 */
export const SUPPORT_GROUPS: Readonly<Record<SupportGroup, readonly SupportFunction[]>> = {
  general: [...SYSTEM_FUNCTIONS, ...STRING_FUNCTIONS, ...INTEGER_FUNCTIONS],
  x87: [...FLOATING_POINT_FUNCTIONS, ...X87_FUNCTIONS],
  vector: VECTOR_SUPPORT,
};

/** Names of functions that do so little that it matters how they are called. */
export const BRIEF_SUPPORT: ReadonlySet<string> = new Set(
  [...INTEGER_FUNCTIONS, ...SUPPORT_GROUPS.x87, ...SUPPORT_GROUPS.vector].map(({ name }) => name),
);

/** Functions under a monitor that take the place of those of the same name. */
const UNDER_MONITOR: ReadonlyMap<string, SupportFunction> = new Map(
  [KEPT_DESCRIPTOR, TAKE_DIRECT_GATE, BOUNCE_PAGE_FAULT, READ_ABSENT_PORT, WRITE_ABSENT_PORT].map(
    (support) => [support.name, support],
  ),
);

/** The groups of an engine: under a monitor descriptors, gates and ports are the monitor's. */
export const supportGroupsOf = (system: SystemCode): readonly (readonly SupportFunction[])[] =>
  Object.values(SUPPORT_GROUPS).map((functions) =>
    system === "monitored"
      ? functions.map((support) => UNDER_MONITOR.get(support.name) ?? support)
      : functions,
  );
