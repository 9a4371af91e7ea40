export { ConfigError } from "./config-error.ts";
export { dumpCore } from "./core-dump.ts";
export { type DiskSpec, parseDiskSpec } from "./disk-spec.ts";
export type {
  ConsoleService,
  DiskAttachment,
  DiskConfig,
  DiskService,
  DomainConfig,
  DomainConsole,
  DomainPayload,
  ExecutorParts,
  ToolstackParts,
  ToolstackStore,
} from "./parts.ts";
export { createToolstack, type NamedDomain, type Toolstack } from "./toolstack.ts";
export { defaultDiskName, virtualDeviceNumber } from "./virtual-device.ts";
