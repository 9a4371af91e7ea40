import { type BuildProblem, buildProblem } from "../problem.ts";

/**
 * Fields of the setup header of a Linux image, by their offset in the file. The kernel itself, compressed, is the payload of
 * the protected-mode code that follows the setup sectors. [BOOT "The Real-Mode Kernel Header"]
 */
const HEADER = {
  setupSectors: 0x1f1,
  bootFlag: 0x1fe,
  signature: 0x202,
  version: 0x206,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  end: 0x250,
} as const;

const BOOT_FLAG = 0xaa55;
/** "HdrS" */
const SIGNATURE = 0x5372_6448;
/** The first version of the boot protocol that says where the payload is. */
const PAYLOAD_VERSION = 0x208;
const SECTOR_BYTES = 512;
/** Sectors where the header says 0. */
const DEFAULT_SETUP_SECTORS = 4;

/** Finds the payload of a Linux image. null: the file is something else. */
export const findPayload = (file: Uint8Array): Uint8Array | BuildProblem | null => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER.version + 2) return null;
  if (view.getUint16(HEADER.bootFlag, true) !== BOOT_FLAG) return null;
  if (view.getUint32(HEADER.signature, true) !== SIGNATURE) return null;
  if (view.getUint16(HEADER.version, true) < PAYLOAD_VERSION)
    return buildProblem("the kernel is a Linux image too old to say where its payload is");
  if (file.length < HEADER.end) return buildProblem("the kernel is a Linux image that has been cut short");
  const sectors = view.getUint8(HEADER.setupSectors) || DEFAULT_SETUP_SECTORS;
  const first = (sectors + 1) * SECTOR_BYTES + view.getUint32(HEADER.payloadOffset, true);
  const end = first + view.getUint32(HEADER.payloadLength, true);
  if (end > file.length) return buildProblem("the kernel is a Linux image that has been cut short");
  return file.subarray(first, end);
};
