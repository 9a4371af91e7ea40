import { ConfigError } from "./config-error.ts";

const XVD_MAJOR = 202;
const HD_MAJORS = [3, 3, 22, 22];
const SD_MAJOR = 8;

const diskIndex = (letters: string): number =>
  [...letters].reduce((index, letter) => index * 26 + letter.charCodeAt(0) - 0x60, 0) - 1;

/**
 * Number by which a virtual disk is known in xenstore. `xvda` is 202 << 8; disks and partitions that the old encoding
 * cannot say use bit 28. [XEN io/blkif.h]
 * @throws ConfigError when the name is not that of a disk.
 */
export const virtualDeviceNumber = (name: string): number => {
  const match = /^(xvd|sd|hd)([a-z]{1,2})([0-9]{0,3})$/.exec(name);
  const [, kind, letters, digits] = match ?? [];
  if (kind === undefined || letters === undefined)
    throw new ConfigError(`${name}: not the name of a virtual disk (xvda, sdb1 …)`);
  const disk = diskIndex(letters);
  const partition = digits === undefined || digits === "" ? 0 : Number(digits);
  if (kind === "xvd" && disk < 16 && partition < 16) return (XVD_MAJOR << 8) | (disk << 4) | partition;
  if (kind === "xvd" && partition < 256) return (1 << 28) | (disk << 8) | partition;
  if (kind === "sd" && disk < 16 && partition < 16) return (SD_MAJOR << 8) | (disk << 4) | partition;
  const major = HD_MAJORS[disk];
  if (kind === "hd" && major !== undefined && partition < 64)
    return (major << 8) | ((disk & 1) << 6) | partition;
  throw new ConfigError(`${name}: no number is defined for this virtual disk`);
};

/** The n-th of xvda, xvdb … xvdz, xvdaa: names given to disks that have none. */
export const defaultDiskName = (index: number): string => {
  const last = String.fromCharCode(0x61 + (index % 26));
  return index < 26 ? `xvd${last}` : `xvd${String.fromCharCode(0x60 + Math.floor(index / 26))}${last}`;
};
