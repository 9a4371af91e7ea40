import { FLOATING_POINT_FUNCTIONS } from "../floating-point/index.ts";
import type { SystemCode } from "../meanings/definition.ts";
import { VECTOR_SUPPORT } from "../vector-support/index.ts";
import { X87_FUNCTIONS } from "../x87/index.ts";
import { STRING_FUNCTIONS } from "./strings/index.ts";
import type { SupportFunction } from "./support-function.ts";
import { READ_ABSENT_PORT, WRITE_ABSENT_PORT } from "./system/absent-ports.ts";
import { BOUNCE_PAGE_FAULT } from "./system/bounce.ts";
import { KEPT_DESCRIPTOR, TAKE_DIRECT_GATE } from "./system/direct-gate.ts";
import { SYSTEM_FUNCTIONS } from "./system/index.ts";

/** Every support function there is. Generated code imports those it calls. */
export const SUPPORT_FUNCTIONS: readonly SupportFunction[] = [
  ...FLOATING_POINT_FUNCTIONS,
  ...X87_FUNCTIONS,
  ...SYSTEM_FUNCTIONS,
  ...STRING_FUNCTIONS,
  ...VECTOR_SUPPORT,
];

/** Names of functions that do so little that it matters how they are called. */
export const BRIEF_SUPPORT: ReadonlySet<string> = new Set(
  [...FLOATING_POINT_FUNCTIONS, ...X87_FUNCTIONS, ...VECTOR_SUPPORT].map(({ name }) => name),
);

/** Functions under a monitor that take the place of those of the same name. */
const UNDER_MONITOR: ReadonlyMap<string, SupportFunction> = new Map(
  [KEPT_DESCRIPTOR, TAKE_DIRECT_GATE, BOUNCE_PAGE_FAULT, READ_ABSENT_PORT, WRITE_ABSENT_PORT].map(
    (support) => [support.name, support],
  ),
);

/** The support functions of an engine: under a monitor descriptors, gates and ports are the monitor's. */
export const supportFunctionsOf = (system: SystemCode): readonly SupportFunction[] =>
  system === "monitored"
    ? SUPPORT_FUNCTIONS.map((support) => UNDER_MONITOR.get(support.name) ?? support)
    : SUPPORT_FUNCTIONS;
