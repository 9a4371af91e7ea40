export type { Domain } from "./domain.ts";
export type { EventPorts } from "./events.ts";
export type { GrantCopy, Grants } from "./grants.ts";
export type { MappedPages, OwnPages } from "./pages.ts";
export type { Timers } from "./timers.ts";
