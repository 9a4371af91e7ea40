export {
  createHostileTraffic,
  type HostileStep,
  type HostileTraffic,
  type HostileTrafficOptions,
} from "./hostile-traffic.ts";
export { createRingFrontend, type RingFrontend, type RingFrontendOptions } from "./ring-frontend.ts";
