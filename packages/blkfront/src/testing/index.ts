export { createRingBackend, type RingBackend, type RingBackendOptions } from "./ring-backend.ts";
