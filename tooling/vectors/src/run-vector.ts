import { EXIT, type Exit } from "@xenolith/machine-interface";
import { hasErrorCode, VECTOR } from "@xenolith/x86-architecture";
import type { Arena } from "./arena.ts";
import { compareFaults, compareRegister } from "./compare.ts";
import { REGISTER_FILE } from "./register-file.ts";
import type { ExpectedFault, MemoryPatch, Registers, Vector, VectorFile } from "./vector-file.ts";

/** A repeated string instruction retires once per iteration; the vectors run it to its end. */
const MOST_ITERATIONS = 0x1_0000;

const hex = (value: number): string => value.toString(16);

/** Whether a physical x87 register is empty by the tags: then it holds nothing to be compared. */
const isEmpty = (name: string, tags: bigint): boolean =>
  name.startsWith("R") && ((tags >> BigInt(name.slice(1))) & 1n) === 0n;

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
    const fault = this.#execute(vector, Number(before["ip"] ?? 0n));
    return [
      ...compareFaults(vector, fault),
      ...this.#compareRegisters(vector, { ...before, ...vector.after }),
      ...this.#compareMemory(vector),
    ];
  }

  #prepareMemory(vector: Vector, before: Registers): void {
    const { background, bytes } = this.#arena;
    this.#expected.set(background);
    this.#patch({ address: Number(before["ip"] ?? 0n), bytes: vector.bytes });
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
    this.#arena.restoreSegments();
    for (const register of REGISTER_FILE[this.#file.isa]) register.set(context, before[register.name] ?? 0n);
  }

  #execute(vector: Vector, start: number): ExpectedFault | null {
    const { vcpu } = this.#arena;
    const repeats = /^(?:26|2e|36|3e|64|65|66|67)*f[23](?!(?:4.)?0f)/.test(
      Buffer.from(vector.bytes).toString("hex"),
    );
    for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
      const exit = vcpu.run(1);
      if (exit.kind !== EXIT.budget) return faultOf(exit);
      if (!repeats || vcpu.context.instructionPointer !== start) return null;
    }
    return null;
  }

  #compareRegisters({ latitude }: Vector, expected: Registers): string[] {
    const { context } = this.#arena.vcpu;
    const tags = expected["ftw"] ?? 0n;
    const differences: string[] = [];
    for (const register of REGISTER_FILE[this.#file.isa]) {
      const { name } = register;
      if (isEmpty(name, tags)) continue;
      const difference = compareRegister(name, expected[name] ?? 0n, register.get(context), latitude);
      if (difference !== null) differences.push(difference);
    }
    return differences;
  }

  #compareMemory(vector: Vector): string[] {
    const { bytes } = this.#arena;
    if (Buffer.compare(bytes, this.#expected) === 0) return [];
    for (const [address, length] of vector.latitude.memory) {
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
