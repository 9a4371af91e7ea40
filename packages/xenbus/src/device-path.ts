/** Where a device's error text goes: `error/` and the device's path within its own domain's directory, and `/error`. */
export const errorNodePath = (devicePath: string): string =>
  `error/${devicePath.replace(/^\/local\/domain\/\d+\//, "")}/error`;

/** Values of several nodes of a device by name; null where a node is missing or cannot be read. */
export type DeviceNodes<Name extends string = string> = Readonly<Record<Name, string | null>>;
