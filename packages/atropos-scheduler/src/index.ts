export { type AtroposOptions, createAtroposScheduler } from "./atropos-scheduler.ts";
export { ATROPOS_PARAMETERS, type AtroposParameters } from "./parameters.ts";
