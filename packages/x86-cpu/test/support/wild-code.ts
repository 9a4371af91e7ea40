import { EXIT, type Exit, type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import {
  CR4,
  type DescriptorSource,
  FLAG,
  SEGMENT,
  type VcpuContext,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import {
  createMonitoredProcessor,
  I686_MODEL,
  PROCESSOR_MODELS,
  type ProcessorModel,
} from "../../src/index.ts";
import type { EngineTuning } from "../../src/processor/engine-choice.ts";
import { createDescriptorTable, flatSegment } from "./descriptor-table.ts";
import { snapshot } from "./engine-bench.ts";
import { createForgetfulTranslator } from "./forgetful-translator.ts";
import { ABOVE, UPPER } from "./wide-bench.ts";

/** Where wild code is put, somewhere in here. */
const CODE_START = 0x3000;
const CODE_RANGE = 0x2000;
const CODE_BYTES = 400;

/** How a wild program begins. */
export interface WildProgram {
  readonly code: Uint8Array;
  /** Offset of the code in its range. */
  readonly at: number;
  /** Eight or, in 64-bit code, sixteen. */
  readonly registers: readonly bigint[];
  readonly flags: number;
  readonly privilege: 1 | 3;
  /** Size of the code in bytes: 16, 32 or 64-bit code. */
  readonly codeBytes: 2 | 4 | 8;
  /** Added to addresses of code: where 64-bit code finds RAM. */
  readonly mirror: number;
  /** Base of the data segments (of FS and GS in 64-bit code): not 0 makes every address a checked one. */
  readonly dataBase: number;
  readonly dataLimit: number;
}

/** Flat code and data of rings 1 and 3, and a few more of ring 3. */
const createDescriptors = (): DescriptorSource =>
  createDescriptorTable([0, 0xc0bb, 0xc0b3, 0xc0fb, 0xc0f3, 0x40f3, 0xc0f1, 0xc0f7].map(flatSegment));

/** A VCPU under a monitor that does nothing about exits but to go on elsewhere. */
export interface WildMachine {
  readonly memory: MachineMemory;
  readonly vcpu: X86Vcpu;
  /** Runs at most so many instructions. Throws where they go in circles. */
  run(budget: number): Exit;
  start(program: WildProgram): void;
  /** After an exit: goes on behind the instruction, with wild addresses brought back into memory. */
  goOn(exit: Exit): void;
  state(): readonly (number | bigint)[];
}

const CODE_KIND = { 2: 0x809b, 4: 0xc09b, 8: 0xa09b } as const;

const floatingPointState = ({ floatingPoint }: VcpuContext): readonly (number | bigint)[] => [
  floatingPoint.control,
  floatingPoint.status,
  floatingPoint.tags,
  floatingPoint.mxcsr,
  ...Array.from({ length: 8 }, (_, index) => floatingPoint.register(index)),
  ...Array.from({ length: 16 }, (_, index) => floatingPoint.vector(index)),
];

/** As after FNINIT; vectors with something in them. */
const resetFloatingPoint = ({ floatingPoint }: VcpuContext): void => {
  floatingPoint.control = 0x37f;
  floatingPoint.status = 0;
  floatingPoint.tags = 0;
  floatingPoint.mxcsr = 0x1f80;
  for (let index = 0; index < 8; index++) floatingPoint.setRegister(index, 0n);
  for (let index = 0; index < 16; index++)
    floatingPoint.setVector(index, 0x0123_4567_89ab_cdefn << BigInt(index));
};

const richestModel = (): ProcessorModel => PROCESSOR_MODELS.get("x86-64-v2") ?? I686_MODEL;

/** More refills than the most that an instruction and its delivery need. */
const MOST_REFILLS = 1000;

/**
 * Makes a machine; `isLong`: one that is in long mode, for 64-bit code; `pages`: how many pages its TLB keeps for each kind of
 * access.
 */
export const createWildMachine = (
  isLong: boolean,
  tuning: EngineTuning,
  pages: number = Number.POSITIVE_INFINITY,
): WildMachine => {
  const memory = createFakeMemory({ frameCount: 64, reserveBytes: 16 << 20 });
  const identity = createIdentityTranslator(memory);
  const translator = createForgetfulTranslator(identity, memory, pages);
  const processor = createMonitoredProcessor({
    memory,
    translator,
    recordBytes: 1 << 18,
    model: richestModel(),
    ...tuning,
  });
  const vcpu = processor.createVcpu({
    descriptors: createDescriptors(),
    timestamp: () => 7,
    longMode: isLong,
  });
  vcpu.space = identity.space;
  const { context } = vcpu;
  context.setControl(4, context.control(4) | CR4.osfxsr | CR4.osxmmexcpt);
  return {
    memory,
    vcpu,
    run: (budget) => {
      translator.allow(MOST_REFILLS * (budget + 1));
      return { ...vcpu.run(budget) };
    },
    start: (program) => {
      const at = CODE_START + (program.at % CODE_RANGE);
      const code = program.code.subarray(0, CODE_BYTES);
      memory.bytes.set(code, at);
      for (let frame = at >> 12; frame <= (at + code.length) >> 12; frame++)
        memory.written(toMfn(frame), 0, 4096);
      const dpl = program.privilege << 5;
      const selectors = program.privilege === 1 ? { code: 0x09, data: 0x11 } : { code: 0x1b, data: 0x23 };
      context.setSegment(SEGMENT.cs, {
        selector: selectors.code,
        base: 0,
        limit: 0xffff_ffff,
        attributes: CODE_KIND[program.codeBytes] | dpl,
      });
      for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
        const { dataBase: base, dataLimit: limit } = program;
        context.setSegment(index, { selector: selectors.data, base, limit, attributes: 0xc093 | dpl });
      }
      program.registers.forEach((value, index) => {
        context.setWideRegister(index, value);
      });
      resetFloatingPoint(context);
      context.flags = program.flags;
      context.instructionPointer = at + program.mirror;
    },
    goOn: (exit) => {
      const skipped = exit.kind === EXIT.privileged ? vcpu.privilegedOperation.lengthBytes : 1;
      const next = context.instructionPointer + skipped;
      const isInside = isLong ? isMapped(next, memory) : next >>> 0 < memory.ramBytes;
      context.instructionPointer = isInside ? (isLong ? next : next >>> 0) : CODE_START;
      for (let index = 0; index < (isLong ? 16 : 8); index++) {
        const value = context.wideRegister(index);
        const address = Number(BigInt.asIntN(64, value));
        const isGood = isLong ? isMapped(address, memory) : address < memory.ramBytes;
        if (!isGood) context.setWideRegister(index, value % BigInt(memory.ramBytes));
      }
    },
    state: () => [
      ...snapshot(context),
      ...(isLong ? Array.from({ length: 16 }, (_, index) => context.wideRegister(index)) : []),
      ...floatingPointState(context),
      ...[SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds].map((index) => context.segment(index).selector),
    ],
  };
};

/** Whether RAM or one of its mirrors is at an address of 64-bit code. */
const isMapped = (at: number, { ramBytes }: MachineMemory): boolean =>
  [0, ABOVE, UPPER].some((start) => at >= start && at < start + ramBytes);

/** Flags that every program begins with. */
export const WILD_FLAGS: number = FLAG.fixed | FLAG.if;
