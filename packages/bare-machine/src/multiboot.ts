import type { ElfImage, ElfSegment } from "@xenolith/elf";
import type { MachineMemory } from "@xenolith/machine-interface";
import { copyIn } from "./copy-in.ts";

/** Where a multiboot header may lie: its magic number, 4-aligned, in the first 8192 bytes of the file. [MULTIBOOT 3.1] */
const HEADER_MAGIC = 0x1bad_b002;
const HEADER_REACH = 8192;

/** Requirements a loader has to know: bits 0 (page-aligned modules) and 1 (memory map) are, bits 2-15 would be more. */
const KNOWN_REQUIREMENTS = 0x3;
const REQUIREMENT_MASK = 0xffff;

/** Registers at the entry point. [MULTIBOOT 3.2] */
export const BOOT_MAGIC = 0x2bad_b002;

/** Flags of the information structure: memory sizes, command line, memory map, loader's name. [MULTIBOOT 3.3] */
const INFORMATION = { memory: 1, commandLine: 4, memoryMap: 0x40, loaderName: 0x200 } as const;

/**
 * Layout of what is handed over, from its start: the information structure, two entries of the memory map, the loader's
 * name and the command line.
 */
const LAYOUT = {
  flags: 0,
  lowerKib: 4,
  upperKib: 8,
  commandLine: 16,
  mapLength: 44,
  mapAddress: 48,
  loaderName: 64,
  map: 128,
  name: 192,
  text: 256,
} as const;
const MAP_ENTRY_BYTES = 24;
const LOADER_NAME = "xenolith";

/** First place for the hand-over structures: below the end of conventional memory. */
const LOW_PLACE = 0x9_0000;
const CONVENTIONAL_END = 0x9_fc00;
const EXTENDED_START = 0x10_0000;

/** Longest command line in bytes. */
export const MAX_COMMAND_LINE_BYTES = 4096;

/** The entry point is 32-bit code, also in a 64-bit image. */
const LAST_ENTRY = 0xffff_ffff;

/** Why an image cannot be booted: half a sentence for people. */
export interface BootProblem {
  readonly kind: "problem";
  readonly message: string;
}

/** What the processor starts with. */
export interface BootState {
  readonly kind: "booted";
  readonly entry: number;
  /** Machine address of the information structure, for EBX. */
  readonly informationAddress: number;
}

const problem = (message: string): BootProblem => ({ kind: "problem", message });

/** Finds the header's flags, or null. */
const headerFlags = (file: Uint8Array): number | null => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + 12 <= Math.min(file.length, HEADER_REACH); at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(at + 4, true);
    if ((HEADER_MAGIC + flags + view.getUint32(at + 8, true)) >>> 0 === 0) return flags;
  }
  return null;
};

const overlaps = (segments: readonly ElfSegment[], start: number, end: number): boolean =>
  segments.some(
    ({ physicalAddress, memoryBytes }) => physicalAddress < end && physicalAddress + memoryBytes > start,
  );

/** A place for the hand-over structures that no segment covers. */
const findPlace = (segments: readonly ElfSegment[], sizeBytes: number, ramBytes: number): number | null => {
  if (!overlaps(segments, LOW_PLACE, LOW_PLACE + sizeBytes)) return LOW_PLACE;
  const end = Math.max(...segments.map(({ physicalAddress, memoryBytes }) => physicalAddress + memoryBytes));
  const place = Math.ceil(end / 4096) * 4096;
  return place + sizeBytes <= ramBytes ? place : null;
};

const loadSegments = (
  memory: MachineMemory,
  file: Uint8Array,
  segments: readonly ElfSegment[],
): BootProblem | null => {
  for (const { physicalAddress, memoryBytes, fileBytes, offset } of segments) {
    if (physicalAddress + memoryBytes > memory.ramBytes) {
      const needMib = Math.ceil((physicalAddress + memoryBytes) / 2 ** 20);
      return problem(`needs ${needMib} MiB of memory, the machine has ${memory.ramBytes / 2 ** 20}`);
    }
    copyIn(memory, physicalAddress, file.subarray(offset, offset + fileBytes));
    memory.bytes.fill(0, physicalAddress + fileBytes, physicalAddress + memoryBytes);
  }
  return null;
};

const informationBytes = (place: number, commandLine: Uint8Array, ramBytes: number): Uint8Array => {
  const bytes = new Uint8Array(LAYOUT.text + commandLine.length + 1);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: number): void => view.setUint32(offset, value, true);
  const { memory, commandLine: hasCommandLine, memoryMap, loaderName } = INFORMATION;
  put(LAYOUT.flags, memory | hasCommandLine | memoryMap | loaderName);
  put(LAYOUT.lowerKib, CONVENTIONAL_END / 1024);
  put(LAYOUT.upperKib, Math.max(0, ramBytes - EXTENDED_START) / 1024);
  put(LAYOUT.commandLine, place + LAYOUT.text);
  put(LAYOUT.mapLength, 2 * MAP_ENTRY_BYTES);
  put(LAYOUT.mapAddress, place + LAYOUT.map);
  put(LAYOUT.loaderName, place + LAYOUT.name);
  const ranges = [
    [0, CONVENTIONAL_END],
    [EXTENDED_START, Math.max(0, ramBytes - EXTENDED_START)],
  ] as const;
  for (const [index, [start, length]] of ranges.entries()) {
    const at = LAYOUT.map + index * MAP_ENTRY_BYTES;
    put(at, MAP_ENTRY_BYTES - 4);
    put(at + 4, start);
    put(at + 12, length);
    put(at + 20, 1);
  }
  bytes.set(new TextEncoder().encode(LOADER_NAME), LAYOUT.name);
  bytes.set(commandLine, LAYOUT.text);
  return bytes;
};

/**
 * Loads a multiboot ELF image into RAM and writes the structures handed over to it. [MULTIBOOT 3.3]
 * @param file - the bytes that `image` was parsed from
 */
export const loadMultiboot = (
  memory: MachineMemory,
  file: Uint8Array,
  image: ElfImage,
  commandLine: string,
): BootState | BootProblem => {
  const flags = headerFlags(file);
  if (flags === null) return problem("has no multiboot header");
  const unknown = flags & REQUIREMENT_MASK & ~KNOWN_REQUIREMENTS;
  if (unknown !== 0)
    return problem(`asks for multiboot features 0x${unknown.toString(16)}, which are not known`);
  const text = new TextEncoder().encode(commandLine);
  if (text.length > MAX_COMMAND_LINE_BYTES)
    return problem(`the command line has over ${MAX_COMMAND_LINE_BYTES} bytes`);
  if (image.entry > LAST_ENTRY) return problem("has its entry point above 4 GiB");
  const segments = image.segments.filter(({ type, memoryBytes }) => type === 1 && memoryBytes > 0);
  const failed = loadSegments(memory, file, segments);
  if (failed !== null) return failed;
  const place = findPlace(segments, LAYOUT.text + text.length + 1, memory.ramBytes);
  if (place === null) return problem("leaves no room for the multiboot information");
  copyIn(memory, place, informationBytes(place, text, memory.ramBytes));
  return { kind: "booted", entry: image.entry, informationAddress: place };
};
