import { createMachineMemory } from "@xenolith/machine";
import { toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import {
  CR4,
  type DescriptorSource,
  SEGMENT,
  segmentHigh,
  segmentLow,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import {
  createMonitoredProcessor,
  type EngineChoice,
  I686_MODEL,
  PROCESSOR_MODELS,
  type ProcessorModel,
} from "@xenolith/x86-cpu";
import { mapWindows, type PlacedWindow } from "./page-tables.ts";
import type { VectorFile, Window } from "./vector-file.ts";

const MIB = 1 << 20;
/** Frame of the root page table; the other tables follow, then the windows. */
const ROOT_FRAME = 16;
const MOST_TABLES = 16;
const PAGE = 4096;

/** Attributes of flat segments at DPL 3, limit in pages: code that may be read, data that may be written. */
const USER_CODE = { i386: 0xc0fb, amd64: 0xa0fb } as const;
const USER_DATA = 0xc0f3;

/** The byte every window but the code's holds at a linear address before a vector. */
export const backgroundByte = (address: number): number =>
  (Math.imul(address, 0x9d) + Math.imul(address >>> 8, 0x3b) + 0x5a) & 0xff;

/** What fills the code window: HLT. */
const CODE_FILL = 0xf4;

/** A processor at CPL 3 with nothing mapped but the windows of a file. */
export interface Arena {
  readonly vcpu: X86Vcpu;
  readonly windows: readonly PlacedWindow[];
  /** All windows, one behind another, as they are now. */
  readonly bytes: Uint8Array;
  /** The same as they are before a vector changes them. */
  readonly background: Uint8Array;
  /** Position of a linear address in {@link bytes}, or -1. */
  position(address: number): number;
  /** Loads the segment registers that a vector has changed with what they had. */
  restoreSegments(): void;
  /** Tells the machine that bytes at a position were stored. */
  stored(position: number, lengthBytes: number): void;
  release(): void;
}

/** The descriptors that the vectors' selectors name. */
const descriptorsFor = ({ isa, selectors, segmentBase }: VectorFile): DescriptorSource => {
  const source: DescriptorSource = {
    low: 0,
    high: 0,
    read(selector): boolean {
      const index = selector >> 3;
      const isCode = index === selectors.cs >> 3;
      const known = Object.values(selectors).some((one) => one >> 3 === index);
      if (!known || (selector & 4) !== 0) return false;
      const base = isa === "i386" && index === selectors.fs >> 3 ? segmentBase : 0;
      source.low = segmentLow(base, 0xf_ffff);
      source.high = segmentHigh(base, 0xf_ffff, isCode ? USER_CODE[isa] : USER_DATA);
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

const fill = ({ name, address }: Window, into: Uint8Array): void => {
  for (let i = 0; i < into.length; i++) into[i] = name === "code" ? CODE_FILL : backgroundByte(address + i);
};

/** The model with most instructions. */
const richestModel = (): ProcessorModel => {
  const names = ["max", "x86-64-v2", "x86-64", "i686"];
  return names.map((name) => PROCESSOR_MODELS.get(name)).find((model) => model !== undefined) ?? I686_MODEL;
};

/** Segment registers as the selectors and the base of a file say. Returns what puts them there again. */
const loadSegments = ({ context }: X86Vcpu, { isa, selectors, segmentBase }: VectorFile): (() => void) => {
  const { cs, ss, ds, es, fs, gs } = selectors;
  const byIndex: readonly (readonly [number, number])[] = [
    [SEGMENT.cs, cs],
    [SEGMENT.ss, ss],
    [SEGMENT.ds, ds],
    [SEGMENT.es, es],
    [SEGMENT.fs, fs],
    [SEGMENT.gs, gs],
  ];
  for (const [index, selector] of byIndex) context.loadSegment(index, selector);
  // In 64-bit code the base of GS does not come from a descriptor.
  if (isa === "amd64") context.setSegment(SEGMENT.gs, { ...context.segment(SEGMENT.gs), base: segmentBase });
  const initial = byIndex.map(([index]) => [index, context.segment(index)] as const);
  return () => {
    for (const [index, segment] of initial) {
      const { selector, base } = context.segment(index);
      if (selector !== segment.selector || base !== segment.base) context.setSegment(index, segment);
    }
  };
};

/** Makes the arena of a file. `auto`: each instruction that can be translated is, the first time it runs. */
export const createArena = (file: VectorFile, engine: EngineChoice): Arena => {
  const memory = createMachineMemory({ ramBytes: 4 * MIB, reserveBytes: 32 * MIB });
  const model = richestModel();
  const translator = createAddressTranslator({ memory, physicalAddressBits: model.physicalAddressBits });
  const processor = createMonitoredProcessor({ memory, translator, model, engine, translateAfter: 0 });
  const vcpu = processor.createVcpu({
    descriptors: descriptorsFor(file),
    timestamp: (retired) => retired,
    longMode: file.isa === "amd64",
  });
  vcpu.context.setControl(4, vcpu.context.control(4) | CR4.osfxsr | CR4.osxmmexcpt);
  const firstFrame = ROOT_FRAME + MOST_TABLES;
  const windows = place(file.windows, firstFrame);
  vcpu.space = translator.open(mapWindows(memory, file.isa, windows, ROOT_FRAME));
  const start = firstFrame * PAGE;
  const sizeBytes = windows.reduce((sum, window) => sum + window.sizeBytes, 0);
  const background = new Uint8Array(sizeBytes);
  for (const window of windows) {
    const position = window.machineAddress - start;
    fill(window, background.subarray(position, position + window.sizeBytes));
  }
  return {
    vcpu,
    windows,
    bytes: memory.bytes.subarray(start, start + sizeBytes),
    background,
    restoreSegments: loadSegments(vcpu, file),
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
