import { createMachineMemory } from "@xenolith/machine";
import { type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import {
  type DescriptorSource,
  SEGMENT,
  segmentHigh,
  segmentLow,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { createMonitoredProcessor, I686_MODEL } from "@xenolith/x86-cpu";
import type { VectorFile, Window } from "./vector-file.ts";

const MIB = 1 << 20;
/** Frame of the page directory; its tables follow, then the windows. */
const DIRECTORY_FRAME = 16;
const PAGE = 4096;

/** Attributes of flat segments at DPL 3: code that may be read, data that may be written, both 32-bit, limit in pages. */
const USER_CODE = 0xc0fb;
const USER_DATA = 0xc0f3;

/** The byte every window but the code's holds at a linear address before a vector. */
export const backgroundByte = (address: number): number =>
  (Math.imul(address, 0x9d) + Math.imul(address >>> 8, 0x3b) + 0x5a) & 0xff;

/** What fills the code window: HLT. */
const CODE_FILL = 0xf4;

/** A window and where its bytes lie in machine memory. */
export interface PlacedWindow extends Window {
  readonly machineAddress: number;
}

/** A processor at CPL 3 with nothing mapped but the windows of a file. */
export interface Arena {
  readonly memory: MachineMemory;
  readonly vcpu: X86Vcpu;
  readonly windows: readonly PlacedWindow[];
  /** All windows, one behind another, as they are now. */
  readonly bytes: Uint8Array;
  /** The same as they are before a vector changes them. */
  readonly background: Uint8Array;
  /** Position of a linear address in {@link bytes}, or -1. */
  position(address: number): number;
  /** Tells the machine that bytes at a position were stored. */
  stored(position: number, lengthBytes: number): void;
  release(): void;
}

/** The descriptors that the vectors' selectors name. */
const descriptorsFor = ({ selectors, fsBase }: VectorFile): DescriptorSource => {
  const source: DescriptorSource = {
    low: 0,
    high: 0,
    read(selector): boolean {
      const index = selector >> 3;
      const isCode = index === selectors.cs >> 3;
      const known = Object.values(selectors).some((one) => one >> 3 === index);
      if (!known || (selector & 4) !== 0) return false;
      const base = index === selectors.fs >> 3 ? fsBase : 0;
      source.low = segmentLow(base, 0xf_ffff);
      source.high = segmentHigh(base, 0xf_ffff, isCode ? USER_CODE : USER_DATA);
      return true;
    },
    setAccessed(): void {},
  };
  return source;
};

const place = (windows: readonly Window[], firstFrame: number): PlacedWindow[] => {
  let machineAddress = firstFrame * PAGE;
  return windows.map((window) => {
    const placed = { ...window, machineAddress };
    machineAddress += window.sizeBytes;
    return placed;
  });
};

/** Two-level tables that map the windows for CPL 3. Returns the first frame behind the tables. */
const mapWindows = (memory: MachineMemory, windows: readonly PlacedWindow[]): void => {
  const tables = new Map<number, number>();
  for (const { address, sizeBytes, writable, machineAddress } of windows) {
    for (let offset = 0; offset < sizeBytes; offset += PAGE) {
      const at = address + offset;
      const directoryIndex = at >>> 22;
      const table = tables.get(directoryIndex) ?? DIRECTORY_FRAME + 1 + tables.size;
      tables.set(directoryIndex, table);
      memory.words[(DIRECTORY_FRAME * PAGE) / 4 + directoryIndex] = table * PAGE + 7;
      memory.words[(table * PAGE) / 4 + ((at >>> 12) & 1023)] = machineAddress + offset + (writable ? 7 : 5);
    }
  }
};

const fill = ({ name, address }: Window, into: Uint8Array): void => {
  for (let i = 0; i < into.length; i++) into[i] = name === "code" ? CODE_FILL : backgroundByte(address + i);
};

/** Makes the arena of a file. */
export const createArena = (file: VectorFile): Arena => {
  const memory = createMachineMemory({ ramBytes: 4 * MIB, reserveBytes: 32 * MIB });
  const translator = createAddressTranslator({ memory, physicalAddressBits: I686_MODEL.physicalAddressBits });
  const processor = createMonitoredProcessor({ memory, translator, model: I686_MODEL });
  const vcpu = processor.createVcpu({ descriptors: descriptorsFor(file), timestamp: (retired) => retired });
  const firstFrame = DIRECTORY_FRAME + 16;
  const windows = place(file.windows, firstFrame);
  mapWindows(memory, windows);
  vcpu.space = translator.open({
    format: "two-level",
    rootAddress: DIRECTORY_FRAME * PAGE,
    writeProtect: true,
    noExecute: false,
    largePages: false,
    globalPages: false,
    supervisorExecutionPrevention: false,
    linearLimit: null,
    overlays: [],
  });
  const start = firstFrame * PAGE;
  const sizeBytes = windows.reduce((sum, window) => sum + window.sizeBytes, 0);
  const background = new Uint8Array(sizeBytes);
  for (const window of windows) {
    const position = window.machineAddress - start;
    fill(window, background.subarray(position, position + window.sizeBytes));
  }
  const { cs, ss, ds, es, fs, gs } = file.selectors;
  const segments: readonly (readonly [number, number])[] = [
    [SEGMENT.cs, cs],
    [SEGMENT.ss, ss],
    [SEGMENT.ds, ds],
    [SEGMENT.es, es],
    [SEGMENT.fs, fs],
    [SEGMENT.gs, gs],
  ];
  for (const [index, selector] of segments) vcpu.context.loadSegment(index, selector);
  return {
    memory,
    vcpu,
    windows,
    bytes: memory.bytes.subarray(start, start + sizeBytes),
    background,
    position(address): number {
      const window = windows.find((one) => address >= one.address && address < one.address + one.sizeBytes);
      return window === undefined ? -1 : window.machineAddress - start + address - window.address;
    },
    stored(position, lengthBytes): void {
      for (let at = position; at < position + lengthBytes; ) {
        const inFrame = Math.min(PAGE - (at % PAGE), position + lengthBytes - at);
        memory.written(toMfn(firstFrame + Math.floor(at / PAGE)), at % PAGE, inFrame);
        at += inFrame;
      }
    },
    release: () => vcpu.release(),
  };
};
