import { openRawFile } from "@xenolith/block-stores/node";
import { ConfigError, type DiskConfig, type DiskSpec } from "@xenolith/toolstack";

/** Opens the file behind a disk. The caller closes the store. @throws ConfigError or HostError in one line. */
export const openDisk = (spec: DiskSpec): DiskConfig => {
  const { target, format } = spec;
  if (target === null) throw new ConfigError("disk: an empty drive cannot be attached yet");
  if (format !== "raw")
    throw new ConfigError(`disk ${target}: format ${format} cannot be read yet, only raw`);
  return {
    store: openRawFile({ path: target, readOnly: !spec.writable }),
    virtualDevice: spec.virtualDevice,
    writable: spec.writable,
    cdrom: spec.cdrom,
    description: target,
  };
};
