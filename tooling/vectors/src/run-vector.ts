import { EXIT, type Exit } from "@xenolith/machine-interface";
import { hasErrorCode, REGISTER, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { Arena } from "./arena.ts";
import type { ExpectedFault, MemoryPatch, Registers, Vector, VectorFile } from "./vector-file.ts";

/** Flags that are compared: CF PF AF ZF SF DF OF. */
const COMPARED_FLAGS = 0xcd5;

/** A repeated string instruction retires once per iteration; the vectors run it to its end. */
const MOST_ITERATIONS = 0x1_0000;

const GENERAL: readonly (readonly [string, number])[] = [
  ["eax", REGISTER.rax],
  ["ecx", REGISTER.rcx],
  ["edx", REGISTER.rdx],
  ["ebx", REGISTER.rbx],
  ["esp", REGISTER.rsp],
  ["ebp", REGISTER.rbp],
  ["esi", REGISTER.rsi],
  ["edi", REGISTER.rdi],
];

const SELECTORS: readonly (readonly ["cs" | "ss" | "ds" | "es" | "fs" | "gs", number])[] = [
  ["cs", SEGMENT.cs],
  ["ss", SEGMENT.ss],
  ["ds", SEGMENT.ds],
  ["es", SEGMENT.es],
  ["fs", SEGMENT.fs],
  ["gs", SEGMENT.gs],
];

const hex = (value: number): string => value.toString(16);

/** Runs vectors of one file in its arena. */
export class VectorRunner {
  readonly #file: VectorFile;
  readonly #arena: Arena;
  /** What memory must hold after the vector. */
  readonly #expected: Uint8Array;

  constructor(file: VectorFile, arena: Arena) {
    this.#file = file;
    this.#arena = arena;
    this.#expected = new Uint8Array(arena.background.length);
  }

  /** Runs one vector and gives the differences from silicon, none when it passed. */
  run(vector: Vector): string[] {
    const before: Registers = { ...this.#file.defaults, ...vector.before };
    this.#prepareMemory(vector, before);
    this.#prepareRegisters(before);
    const fault = this.#execute(vector, before["ip"] ?? 0);
    return [
      ...compareFaults(vector, fault),
      ...this.#compareRegisters(vector, { ...before, ...vector.after }),
      ...this.#compareMemory(vector),
    ];
  }

  #prepareMemory(vector: Vector, before: Registers): void {
    const { background, bytes } = this.#arena;
    this.#expected.set(background);
    this.#patch({ address: before["ip"] ?? 0, bytes: vector.bytes });
    for (const patch of vector.memoryBefore) this.#patch(patch);
    bytes.set(this.#expected);
    this.#arena.stored(0, bytes.length);
    for (const patch of vector.memoryAfter) this.#patch(patch);
  }

  /** Writes to the expected bytes; what lies in no window is dropped. */
  #patch({ address, bytes }: MemoryPatch): void {
    for (const [index, byte] of bytes.entries()) {
      const position = this.#arena.position(address + index);
      if (position >= 0) this.#expected[position] = byte;
    }
  }

  #prepareRegisters(before: Registers): void {
    const { context } = this.#arena.vcpu;
    for (const [name, index] of GENERAL) context.setRegister(index, before[name] ?? 0);
    for (const [name, index] of SELECTORS) {
      const selector = this.#file.selectors[name];
      if (context.segment(index).selector !== selector) context.loadSegment(index, selector);
    }
    context.flags = before["fl"] ?? 0;
    context.instructionPointer = before["ip"] ?? 0;
  }

  #execute(vector: Vector, start: number): ExpectedFault | null {
    const { vcpu } = this.#arena;
    const repeats = /^(?:26|2e|36|3e|64|65|66|67)*f[23](?!0f)/.test(
      Buffer.from(vector.bytes).toString("hex"),
    );
    for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
      const exit = vcpu.run(1);
      if (exit.kind !== EXIT.budget) return faultOf(exit);
      if (!repeats || vcpu.context.instructionPointer !== start) return null;
    }
    return null;
  }

  #compareRegisters(vector: Vector, expected: Registers): string[] {
    const { context } = this.#arena.vcpu;
    const differences: string[] = [];
    for (const [name, index] of GENERAL) {
      const got = context.register(index);
      if (got !== expected[name] && name !== vector.undefinedRegister) {
        differences.push(`${name}: want ${hex(expected[name] ?? 0)} got ${hex(got)}`);
      }
    }
    const pointer = context.instructionPointer;
    if (pointer !== expected["ip"])
      differences.push(`ip: want ${hex(expected["ip"] ?? 0)} got ${hex(pointer)}`);
    const flags = (context.flags ^ (expected["fl"] ?? 0)) & COMPARED_FLAGS & ~vector.undefinedFlags;
    if (flags !== 0) differences.push(`flags differ in ${hex(flags)}`);
    return differences;
  }

  #compareMemory(vector: Vector): string[] {
    const { bytes } = this.#arena;
    if (Buffer.compare(bytes, this.#expected) === 0) return [];
    for (const [address, length] of vector.undefinedMemory) {
      for (let at = address; at < address + length; at++) {
        const position = this.#arena.position(at);
        if (position >= 0) this.#expected[position] = bytes[position] ?? 0;
      }
    }
    for (const { name, address, sizeBytes } of this.#arena.windows) {
      const position = this.#arena.position(address);
      for (let i = 0; i < sizeBytes; i++) {
        const [want, got] = [this.#expected[position + i] ?? 0, bytes[position + i] ?? 0];
        if (want !== got) return [`${name} at ${hex(address + i)}: want ${hex(want)} got ${hex(got)}`];
      }
    }
    return [];
  }
}

/** What code at CPL 3 would have been told of an exit to the monitor. */
const faultOf = (exit: Exit): ExpectedFault | null => {
  if (exit.kind === EXIT.privileged) return fault(VECTOR.generalProtection, 0);
  if (exit.kind !== EXIT.interrupt) return fault(-exit.kind, 0);
  // Recordings cannot tell the trap of INTO from going on: both leave the instruction pointer behind it.
  if (exit.software && exit.vector === VECTOR.overflow) return null;
  if (exit.software && exit.vector !== VECTOR.breakpoint) {
    return fault(VECTOR.generalProtection, exit.vector * 8 + 2);
  }
  return {
    vector: exit.vector,
    errorCode: hasErrorCode(exit.vector) ? exit.errorCode : undefined,
    address: exit.vector === VECTOR.pageFault ? exit.address : undefined,
  };
};

const fault = (vector: number, errorCode: number): ExpectedFault => ({
  vector,
  errorCode,
  address: undefined,
});

/** PUSHA and ENTER that straddle pages may report any byte of the page that is missing. */
const STORES_FRAME = /^(?:pusha|enter)\./;

const isSameAddress = (form: string, want: number, got: number | undefined): boolean =>
  STORES_FRAME.test(form) ? want >>> 12 === (got ?? 0) >>> 12 : want === got;

const compareFaults = ({ form, fault: want }: Vector, got: ExpectedFault | null): string[] => {
  if (want?.vector !== got?.vector) {
    return [`fault: want ${want?.vector ?? "none"} got ${got?.vector ?? "none"}`];
  }
  const differences: string[] = [];
  if (want?.errorCode !== undefined && want.errorCode !== got?.errorCode) {
    differences.push(`error code: want ${hex(want.errorCode)} got ${hex(got?.errorCode ?? 0)}`);
  }
  if (want?.address !== undefined && !isSameAddress(form, want.address, got?.address)) {
    differences.push(`fault address: want ${hex(want.address)} got ${hex(got?.address ?? 0)}`);
  }
  return differences;
};
