import { CR0, CR4, EFER, SEGMENT } from "@xenolith/x86-architecture";
import { I686_MODEL } from "../../src/model/models.ts";
import { answerCpuid } from "../../src/model/processor-model.ts";
import { MSR_SLOT } from "../../src/state/layout.ts";
import { atPrivilege, createSystemBench, PLACE, type SystemBench } from "./system-bench.ts";

/** Start of a kernel's half: linear addresses from here are those from 0 again. */
export const HIGH: number = -(2 ** 31);

/** Selectors of 64-bit code by ring, behind those that every bench has. */
export const CODE64 = [0x80, 0x89, 0x92, 0x9b] as const;

/** Attributes of 64-bit code at DPL 0. */
export const KIND64 = { code: 0xa09b, conforming: 0xa09f, contradictory: 0xe09b } as const;

/** Stacks of the 64-bit TSS by what they are for. */
export const STACK64 = { ring0: 0xa100, ring1: 0xa200, interrupt1: 0xa308, interrupt7: 0xa400 } as const;

/** A bench in IA-32e mode. */
export interface LongBench extends SystemBench {
  /** Puts the processor into 64-bit code of a ring, with a stack at `PLACE.stack`. */
  enter64(ring: 0 | 1 | 2 | 3): void;
  /** Puts a 16-byte gate into the IDT or, at a selector, into the GDT. */
  gate64(
    at: { selector: number } | { vector: number },
    type: number,
    privilege: number,
    to: [number, number],
    interruptStack?: number,
  ): void;
  /** Values of eight bytes on the stack, from its top. */
  stack64(count: number): bigint[];
}

/** CPUID of the i686 model with what 64-bit mode needs: NX, SYSCALL, RDTSCP, 64-bit mode, 48 linear and 40 physical bits. */
const cpuid64 = (leaf: number, subleaf: number): readonly [number, number, number, number] => {
  if (leaf === 0x8000_0001) return [0, 0, 0, 0x2810_0800];
  if (leaf === 0x8000_0008) return [0x3028, 0, 0, 0];
  return answerCpuid(I686_MODEL, leaf, subleaf);
};

/** Makes a bench in 64-bit code of ring 0. */
export const createLongBench = (options: { readonly monitored?: boolean } = {}): LongBench => {
  const bench = createSystemBench({ ...options, environment: { cpuid: cpuid64 } });
  const { state, view } = bench;
  state.setControl(4, CR4.pae);
  state.setMsr(MSR_SLOT.efer, BigInt(EFER.lme | EFER.lma | EFER.sce));
  state.setControl(0, (CR0.pe | CR0.pg) >>> 0);
  state.idtr = { base: PLACE.idt, limit: 0xfff };
  for (const ring of [0, 1, 2, 3] as const) {
    bench.describe(CODE64[ring], 0, 0xf_ffff, atPrivilege(KIND64.code, ring));
  }
  for (const [offset, pointer] of [
    [4, STACK64.ring0],
    [12, STACK64.ring1],
    [36, STACK64.interrupt1],
    [84, STACK64.interrupt7],
  ] as const) {
    view.setBigUint64(PLACE.tss + offset, BigInt(pointer), true);
  }
  const long: LongBench = {
    ...bench,
    enter64(ring): void {
      bench.enter(ring);
      state.setSegment(SEGMENT.cs, {
        selector: CODE64[ring],
        base: 0,
        limit: 0xffff_ffff,
        attributes: atPrivilege(KIND64.code, ring),
      });
    },
    gate64(at, type, privilege, [selector, offset], interruptStack = 0): void {
      const place = "vector" in at ? PLACE.idt + 16 * at.vector : PLACE.gdt + (at.selector & 0xfff8);
      const value = BigInt.asUintN(64, BigInt(offset));
      const low = Number(value & 0xffff_ffffn);
      view.setUint32(place, (selector << 16) | (low & 0xffff), true);
      view.setUint32(
        place + 4,
        (low & 0xffff_0000) | 0x8000 | (privilege << 13) | (type << 8) | interruptStack,
        true,
      );
      view.setUint32(place + 8, Number(value >> 32n), true);
      view.setUint32(place + 12, 0, true);
    },
    stack64: (count) =>
      Array.from({ length: count }, (_, i) =>
        view.getBigUint64(Number(state.wideRegister(4) & 0x3_ffffn) + 8 * i, true),
      ),
  };
  long.enter64(0);
  return long;
};
