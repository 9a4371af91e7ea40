export { ConfigError } from "./config-error.ts";
export { type DiskSpec, parseDiskSpec } from "./disk-spec.ts";
export { defaultDiskName, virtualDeviceNumber } from "./virtual-device.ts";
