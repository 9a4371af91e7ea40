export { type ConsoleBackend, type ConsoleBackendOptions, createConsoleBackend } from "./device.ts";
export type { ConsoleStats } from "./stats.ts";
export { TRACE as consolebackTrace } from "./trace.ts";
