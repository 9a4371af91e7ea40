export { createRoundRobinScheduler, type RoundRobinOptions } from "./round-robin-scheduler.ts";
