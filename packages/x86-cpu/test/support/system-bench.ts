import type { LinearAddress } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import {
  ATTRIBUTE,
  CR0,
  type DescriptorSource,
  PAGE_FAULT,
  type PackedFault,
  packFault,
  SEGMENT,
  segmentHigh,
  segmentLow,
  VECTOR,
} from "@xenolith/x86-architecture";
import { decode } from "../../src/decoder/index.ts";
import type { Instruction, MemoryOperand } from "../../src/decoder/instruction.ts";
import type {
  AccessPrivilege,
  LinearMemory,
  OperandAccess,
  Outcome,
  ProcessorCore,
  ProcessorEnvironment,
} from "../../src/engine/system-operations.ts";
import { accessFault, failedAccess, isAccessFault, OUTCOME } from "../../src/engine/system-operations.ts";
import { I686_MODEL } from "../../src/model/models.ts";
import { answerCpuid } from "../../src/model/processor-model.ts";
import { createDefaultEntropy } from "../../src/processor/default-entropy.ts";
import { STATE, STATE_BYTES } from "../../src/state/layout.ts";
import { VcpuState } from "../../src/state/vcpu-state.ts";
import { loadContextSegment } from "../../src/system/context-load.ts";
import { SYSTEM_OPERATIONS } from "../../src/system/system-operation-table.ts";

/** Where a bench keeps its tables; code is put at 0x1000, stacks grow down from the tops. */
export const PLACE = {
  gdt: 0x4000,
  ldt: 0x5000,
  idt: 0x6000,
  tss: 0x7000,
  code: 0x1000,
  data: 0x2000,
  stack: 0x9000,
  innerStack: 0xa000,
} as const;

/** Selectors of the descriptors every bench starts with. Rings' code and data are at `code[ring]`, `data[ring]`. */
export const SELECTOR = {
  code: [0x08, 0x19, 0x2a, 0x3b],
  data: [0x10, 0x21, 0x32, 0x43],
  tss: 0x48,
  ldt: 0x50,
  free: 0x58,
} as const;

/** Attributes at DPL 0 of 32-bit segments. */
export const KIND = {
  code: 0xc09b,
  conforming: 0xc09f,
  executeOnly: 0xc099,
  data: 0xc093,
  readOnly: 0xc091,
  tss: 0x0089,
  tss16: 0x0081,
  ldt: 0x0082,
} as const;

/** Attributes with another privilege level. */
export const atPrivilege = (attributes: number, privilege: number): number =>
  attributes | (privilege << ATTRIBUTE.dplShift);

/** Flat memory in which linear is machine address, and again in the upper canonical half, with pages that refuse. */
class FlatMemory implements LinearMemory {
  low = 0;
  high = 0;
  /** Pages that are not present. */
  readonly missing = new Set<number>();
  readonly #view: DataView;
  readonly #state: () => VcpuState;

  constructor(view: DataView, state: () => VcpuState) {
    this.#view = view;
    this.#state = state;
  }

  /** Machine address behind a linear one. */
  #host(at: number): number {
    return at < 0 ? at & 0x3_ffff : at;
  }

  #check(at: number, lengthBytes: number, write: boolean, privilege: AccessPrivilege): PackedFault | 0 {
    for (let i = 0; i < lengthBytes; i++) {
      const address = at + i < 0 ? this.#host(at + i) : at + i;
      if (!this.missing.has(address >>> 12) && address < 0x4_0000) continue;
      const isUser = privilege === "current" && this.#state().privilege === 3;
      this.#view.setFloat64(this.#state().base + STATE.faultAddress, address, true);
      return packFault(VECTOR.pageFault, (write ? PAGE_FAULT.write : 0) | (isUser ? PAGE_FAULT.user : 0));
    }
    return 0;
  }

  #read(at: number, size: 1 | 2 | 4, privilege: AccessPrivilege): number {
    const fault = this.#check(at, size, false, privilege);
    if (fault !== 0) return failedAccess(fault);
    if (size === 1) return this.#view.getUint8(this.#host(at));
    return size === 2
      ? this.#view.getUint16(this.#host(at), true)
      : this.#view.getUint32(this.#host(at), true);
  }

  #write(at: number, size: 1 | 2 | 4, value: number, privilege: AccessPrivilege): PackedFault | 0 {
    const fault = this.#check(at, size, true, privilege);
    if (fault !== 0) return fault;
    if (size === 1) this.#view.setUint8(this.#host(at), value);
    else if (size === 2) this.#view.setUint16(this.#host(at), value, true);
    else this.#view.setUint32(this.#host(at), value, true);
    return 0;
  }

  read8 = (at: number, privilege: AccessPrivilege = "current"): number => this.#read(at, 1, privilege);
  read16 = (at: number, privilege: AccessPrivilege = "current"): number => this.#read(at, 2, privilege);
  read32 = (at: number, privilege: AccessPrivilege = "current"): number => this.#read(at, 4, privilege);
  write8 = (at: number, value: number, privilege: AccessPrivilege = "current"): number =>
    this.#write(at, 1, value, privilege);
  write16 = (at: number, value: number, privilege: AccessPrivilege = "current"): number =>
    this.#write(at, 2, value, privilege);
  write32 = (at: number, value: number, privilege: AccessPrivilege = "current"): number =>
    this.#write(at, 4, value, privilege);
  checkWrite = (at: number, lengthBytes: number, privilege: AccessPrivilege = "current"): number =>
    this.#check(at, lengthBytes, true, privilege);
  /** Nothing is accessed as a whole. */
  copyFrom = (): boolean => false;
  copyTo = (): boolean => false;
  checkRead = (at: number, lengthBytes: number, privilege: AccessPrivilege = "current"): number =>
    this.#check(at, lengthBytes, false, privilege);

  read64(at: number, privilege: AccessPrivilege = "current"): number {
    const fault = this.#check(at, 8, false, privilege);
    if (fault !== 0) return fault;
    this.low = this.#view.getUint32(this.#host(at), true);
    this.high = this.#view.getUint32(this.#host(at) + 4, true);
    return 0;
  }

  write64(at: number, low: number, high: number, privilege: AccessPrivilege = "current"): number {
    const fault = this.#check(at, 8, true, privilege);
    if (fault !== 0) return fault;
    this.#view.setUint32(this.#host(at), low, true);
    this.#view.setUint32(this.#host(at) + 4, high, true);
    return 0;
  }
}

/** Operands written down from the manual, one access at a time. */
class PlainOperands implements OperandAccess {
  readonly low = 0;
  readonly high = 0;
  readonly #core: () => ProcessorCore;

  constructor(core: () => ProcessorCore) {
    this.#core = core;
  }

  offsetOf({ addressBytes }: Instruction, operand: MemoryOperand): number {
    const { state } = this.#core();
    const { base, index, scale, displacement, isRipRelative } = operand;
    if (addressBytes === 8) {
      const start = isRipRelative ? state.instructionPointer : 0;
      const register = (number: number): bigint => (number < 0 ? 0n : state.wideRegister(number));
      const sum = BigInt(start + displacement) + register(base) + register(index) * 2n ** BigInt(scale);
      return Number(BigInt.asIntN(64, sum));
    }
    const sum =
      (base < 0 ? 0 : state.register(base)) +
      (index < 0 ? 0 : state.register(index) * 2 ** scale) +
      displacement;
    return addressBytes === 2 ? sum & 0xffff : sum >>> 0;
  }

  linear(segment: number, offset: number, lengthBytes: number, isWrite: boolean): number {
    const { state } = this.#core();
    const { base, limit, attributes } = state.segment(segment);
    if (state.isWideCode) {
      const at = (segment === SEGMENT.fs || segment === SEGMENT.gs ? base : 0) + offset;
      if (at >= -(2 ** 47) && at + lengthBytes <= 2 ** 47) return at;
      return failedAccess(
        packFault(segment === SEGMENT.ss ? VECTOR.stackFault : VECTOR.generalProtection, 0),
      );
    }
    const isCode = (attributes & ATTRIBUTE.code) !== 0;
    const allowed = isWrite
      ? !isCode && (attributes & ATTRIBUTE.writable) !== 0
      : !isCode || (attributes & ATTRIBUTE.readable) !== 0;
    const fits = attributes !== 0 && allowed && offset + lengthBytes - 1 <= limit;
    if (!fits) {
      return failedAccess(
        packFault(segment === SEGMENT.ss ? VECTOR.stackFault : VECTOR.generalProtection, 0),
      );
    }
    return (base + offset) >>> 0;
  }

  read(instruction: Instruction, which: number, size: 1 | 2 | 4): number {
    const { state, memory } = this.#core();
    const operand = instruction.operands[which];
    const mask = size === 4 ? 0xffff_ffff : 2 ** (8 * size) - 1;
    if (operand?.kind === "register") return (state.register(operand.register) & mask) >>> 0;
    if (operand?.kind === "immediate") return (operand.value & mask) >>> 0;
    if (operand?.kind !== "memory") throw new Error("no such operand");
    const at = this.linear(operand.segment, this.offsetOf(instruction, operand), size, false);
    if (isAccessFault(at)) return at;
    return size === 1 ? memory.read8(at) : size === 2 ? memory.read16(at) : memory.read32(at);
  }

  write(instruction: Instruction, which: number, size: 1 | 2 | 4, value: number): number {
    const { state, memory } = this.#core();
    const operand = instruction.operands[which];
    if (operand?.kind === "register") {
      if (size === 4) state.setRegister(operand.register, value);
      else state.setRegister16(operand.register, value);
      return 0;
    }
    if (operand?.kind !== "memory") throw new Error("no such operand");
    const at = this.linear(operand.segment, this.offsetOf(instruction, operand), size, true);
    if (isAccessFault(at)) return accessFault(at);
    return size === 1
      ? memory.write8(at, value)
      : size === 2
        ? memory.write16(at, value)
        : memory.write32(at, value);
  }

  read64(): number {
    throw new Error("not needed");
  }

  write64(): number {
    throw new Error("not needed");
  }

  peek64(): number {
    throw new Error("not needed");
  }

  #stackAt(bytes: number): number {
    const { state } = this.#core();
    return ((state.register(4) + bytes) & state.u32(STATE.stackMask)) >>> 0;
  }

  push(value: number, size: 2 | 4 | 8): number {
    const { memory } = this.#core();
    const at = this.linear(SEGMENT.ss, this.#stackAt(-size), size, true);
    if (isAccessFault(at)) return accessFault(at);
    const fault = size === 4 ? memory.write32(at, value) : memory.write16(at, value & 0xffff);
    if (fault === 0) this.adjustStack(-size);
    return fault;
  }

  peek(offset: number, size: 2 | 4): number {
    const { memory } = this.#core();
    const at = this.linear(SEGMENT.ss, this.#stackAt(offset), size, false);
    if (isAccessFault(at)) return at;
    return size === 4 ? memory.read32(at) : memory.read16(at);
  }

  adjustStack(bytes: number): void {
    const { state } = this.#core();
    const mask = state.u32(STATE.stackMask);
    state.setRegister(4, ((state.register(4) & ~mask) | ((state.register(4) + bytes) & mask)) >>> 0);
  }
}

/** A processor core over a small flat memory, in ring 0 of protected mode, for tests of system operations. */
export interface SystemBench {
  readonly core: ProcessorCore;
  readonly state: VcpuState;
  readonly view: DataView;
  /** Pages that are not present. */
  readonly missing: Set<number>;
  /** What was written to ports: port, size, value. */
  readonly portWrites: [number, number, number][];
  readonly invalidated: (LinearAddress | undefined)[];
  /** Decodes and performs one instruction; where it says `next`, the instruction pointer moves. */
  run(bytes: string): Outcome;
  /** Puts a descriptor of a segment into the GDT or (table bit set) the LDT. The limit is the raw one of 20 bits. */
  describe(selector: number, base: number, limit: number, attributes: number): void;
  /** Puts a gate into a descriptor table: the GDT, or with a vector the IDT. */
  gate(
    at: { selector: number } | { vector: number },
    type: number,
    privilege: number,
    to: [number, number],
    parameters?: number,
  ): void;
  /** Puts the processor into a ring with its flat segments and a stack at `PLACE.stack`. */
  enter(ring: 0 | 1 | 2 | 3): void;
  /** The state block as it is. */
  snapshot(): Uint8Array;
  /** Words on the stack, from its top. */
  stack(count: number): number[];
}

/** What a bench may differ in. */
export interface SystemBenchOptions {
  readonly monitored?: boolean;
  readonly environment?: Partial<ProcessorEnvironment>;
}

/** A monitor's tables that are the bench's own GDT. */
const descriptorsOver = (view: DataView): DescriptorSource => {
  const source: DescriptorSource = {
    low: 0,
    high: 0,
    read(selector): boolean {
      if ((selector & 4) !== 0 || (selector & 0xfff8) + 7 > 0xfff) return false;
      source.low = view.getUint32(PLACE.gdt + (selector & 0xfff8), true);
      source.high = view.getUint32(PLACE.gdt + (selector & 0xfff8) + 4, true);
      return true;
    },
    setAccessed(selector): void {
      const at = PLACE.gdt + (selector & 0xfff8) + 5;
      view.setUint8(at, view.getUint8(at) | 1);
    },
  };
  return source;
};

/** Makes a bench. */
export const createSystemBench = (options: SystemBenchOptions = {}): SystemBench => {
  const machine = createFakeMemory({ frameCount: 64 });
  const { view } = machine;
  const portWrites: [number, number, number][] = [];
  const invalidated: (LinearAddress | undefined)[] = [];
  const isMonitored = options.monitored ?? false;
  let core: ProcessorCore;
  const state = new VcpuState(view, machine.reserve(STATE_BYTES), {
    loadSegment: (_state, index, selector) => loadContextSegment(core, index, selector),
    controlWritten(): void {},
    replaced(): void {},
  });
  const memory = new FlatMemory(view, () => state);
  core = {
    state,
    machine,
    memory,
    operands: new PlainOperands(() => core),
    retired: 0,
    invalidate: (at) => invalidated.push(at),
    environment: {
      isMonitored,
      descriptors: isMonitored ? descriptorsOver(view) : null,
      portIn: (port, size) => (port * 0x0101_0101) % 2 ** (8 * size),
      portOut: (port, size, value) => portWrites.push([port, size, value]),
      timestamp: () => 0x1_2345_6789,
      trapTimestamp: false,
      trapCpuid: false,
      cpuid: (leaf, subleaf) => answerCpuid(I686_MODEL, leaf, subleaf),
      entropy: createDefaultEntropy(),
      readMsr: () => null,
      writeMsr: () => false,
      ...options.environment,
    },
  };

  const describe = (selector: number, base: number, limit: number, attributes: number): void => {
    const at = (selector & 4 ? PLACE.ldt : PLACE.gdt) + (selector & 0xfff8);
    view.setUint32(at, segmentLow(base, limit), true);
    view.setUint32(at + 4, segmentHigh(base, limit, attributes), true);
  };

  const bench: SystemBench = {
    core,
    state,
    view,
    missing: memory.missing,
    portWrites,
    invalidated,
    describe,
    run(text): Outcome {
      const bytes = Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (byte) =>
        Number.parseInt(byte, 16),
      );
      const narrow = state.segment(SEGMENT.cs).attributes & ATTRIBUTE.big ? 4 : 2;
      const code = state.isWideCode ? 8 : narrow;
      const instruction = decode(bytes, 0, bytes.length, code);
      if (instruction.mnemonic === "ud") return packFault(VECTOR.invalidOpcode, 0);
      const operation = SYSTEM_OPERATIONS.get(instruction.mnemonic);
      if (operation === undefined)
        throw new Error(`${text} is "${instruction.mnemonic}", no system operation`);
      const outcome = operation(core, instruction);
      if (outcome === OUTCOME.next || outcome === OUTCOME.shadow || outcome === OUTCOME.halt) {
        state.instructionPointer += instruction.lengthBytes;
      }
      return outcome;
    },
    gate(at, type, privilege, [selector, offset], parameters = 0): void {
      const place = "vector" in at ? PLACE.idt + 8 * at.vector : PLACE.gdt + (at.selector & 0xfff8);
      view.setUint32(place, (selector << 16) | (offset & 0xffff), true);
      view.setUint32(
        place + 4,
        (offset & 0xffff_0000) | 0x8000 | (privilege << 13) | (type << 8) | parameters,
        true,
      );
    },
    enter(ring): void {
      const load = (index: number, selector: number, kind: number): void =>
        state.setSegment(index, {
          selector,
          base: 0,
          limit: 0xffff_ffff,
          attributes: atPrivilege(kind, ring),
        });
      load(SEGMENT.cs, SELECTOR.code[ring], KIND.code);
      for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
        load(index, SELECTOR.data[ring], KIND.data);
      }
      state.setRegister(4, PLACE.stack);
      state.instructionPointer = PLACE.code;
    },
    snapshot: () => machine.bytes.slice(state.base, state.base + STATE_BYTES),
    stack: (count) =>
      Array.from({ length: count }, (_, i) =>
        view.getUint32(state.segment(SEGMENT.ss).base + state.register(4) + 4 * i, true),
      ),
  };

  state.setControl(0, CR0.pe);
  state.gdtr = { base: PLACE.gdt, limit: 0xfff };
  state.idtr = { base: PLACE.idt, limit: 0x7ff };
  for (const ring of [0, 1, 2, 3] as const) {
    describe(SELECTOR.code[ring], 0, 0xf_ffff, atPrivilege(KIND.code, ring));
    describe(SELECTOR.data[ring], 0, 0xf_ffff, atPrivilege(KIND.data, ring));
  }
  describe(SELECTOR.tss, PLACE.tss, 0x67, KIND.tss);
  describe(SELECTOR.ldt, PLACE.ldt, 0xfff, KIND.ldt);
  state.setSegment(SEGMENT.tr, { selector: SELECTOR.tss, base: PLACE.tss, limit: 0x67, attributes: 0x8b });
  for (const ring of [0, 1, 2] as const) {
    view.setUint32(PLACE.tss + 4 + 8 * ring, PLACE.innerStack, true);
    view.setUint16(PLACE.tss + 8 + 8 * ring, SELECTOR.data[ring], true);
  }
  bench.enter(0);
  return bench;
};
