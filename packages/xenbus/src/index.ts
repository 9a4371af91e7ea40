export {
  type BackendDevice,
  type BackendDeviceOptions,
  type BackendDriver,
  createBackendDevice,
} from "./backend-device.ts";
export { readDeviceNodes, writeDeviceNodes } from "./device-nodes.ts";
export { type DeviceNodes, errorNodePath } from "./device-path.ts";
export {
  createFrontendDevice,
  type FrontendDevice,
  type FrontendDeviceOptions,
  type FrontendDriver,
} from "./frontend-device.ts";
export { type PromisedNodes, type PromisedStore, promiseStore, StoreError } from "./promises.ts";
export { createStoreClient, type ReconnectingStoreClient, TRANSACTION_ATTEMPTS } from "./store-client.ts";
export type { StoreCallback, StoreClient, StoreNodes, StoreResult, StoreWatch } from "./types.ts";
