import type { CodeBytes } from "../decoder/index.ts";
import type { Instruction } from "../decoder/instruction.ts";
import type { BareVcpu } from "../processor/bare-processor.ts";

/** Linear addresses from `start` up to, but not including, `end`. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** All linear addresses of 32 and of 64-bit code. */
export const EVERYWHERE: AddressRange = { start: -(2 ** 63), end: 2 ** 63 };

/** Something installed. */
export interface Hook {
  /** Takes it away. Again: nothing happens. */
  remove(): void;
}

/** An access to memory, made by an instruction or by the processor on its behalf (stacks, descriptor tables). */
export interface AccessEvent {
  /** An access that reads and writes counts as a write. */
  readonly kind: "read" | "write";
  /** Linear address of the first byte. */
  readonly address: number;
  readonly sizeBytes: number;
  /** What was read, or is there after the write; unsigned, little-endian. */
  readonly value: bigint;
  /** Instruction pointer of the instruction. */
  readonly instructionPointer: number;
}

/** A read that is about to be made: whoever is told may put the bytes there that are to be read. */
export interface ReadEvent extends Omit<AccessEvent, "value"> {
  readonly kind: "read";
  /** Machine address of the first byte. */
  readonly machineAddress: number;
}

/** An instruction that is about to be executed. */
export interface CodeEvent {
  /** Linear address. */
  readonly address: number;
  /** Offset in CS. */
  readonly instructionPointer: number;
  /** Null when it cannot be fetched: executing it will fault. */
  readonly instruction: Instruction | null;
  /** Its bytes; empty when it cannot be fetched. */
  readonly bytes: Uint8Array;
  /** Size of the code it is part of, by its default operands: 16, 32 or 64-bit code. */
  readonly codeBytes: CodeBytes;
  /** In Intel syntax. */
  readonly text: string;
}

/** A register that has another value than before. Names are those of the manual, in lower case. */
export interface RegisterChange {
  readonly name: string;
  readonly before: bigint;
  readonly after: bigint;
}

/** An instruction that was executed, with everything it did. */
export interface InstructionEvent extends CodeEvent {
  /** False: it faulted, and what follows are the effects of delivering the exception. */
  readonly hasRetired: boolean;
  /** General registers, flags, selectors, control and vector registers that have changed; not the instruction pointer. */
  readonly changes: readonly RegisterChange[];
  /** In the order in which they were made. */
  readonly accesses: readonly AccessEvent[];
  /** Where it goes on: offset in CS. */
  readonly next: number;
}

/** Why a run came back with exit `request`; null: because somebody called `requestExit`. */
export type StopReason =
  | { readonly kind: "breakpoint"; readonly address: number }
  | { readonly kind: "watchpoint"; readonly access: AccessEvent };

/**
 * A processor into which one can look. Nothing costs anything until it is used:
 * - a breakpoint or an execution hook cuts decoded code where it lies; elsewhere code runs as ever. Installing and removing
 *   one forgets decoded code.
 * - a memory hook or a watchpoint keeps its pages out of the TLB; accesses to other pages are as fast as ever.
 * - {@link onInstruction} makes every instruction a step of its own.
 *
 * Handlers are called between instructions with precise registers, which they may change; they may install and remove hooks,
 * write memory (and announce it) and request an exit, but not run the processor.
 */
export interface InstrumentedVcpu extends BareVcpu {
  /** Before every instruction that begins in a range. A repeated string instruction is one. */
  onExecute(range: AddressRange, handler: (event: CodeEvent) => void): Hook;
  /** Before every read that touches a range. Registers are those before the instruction, and are not to be changed. */
  onRead(range: AddressRange, handler: (event: ReadEvent) => void): Hook;
  /** After every instruction that wrote to a range, once per write. */
  onWrite(range: AddressRange, handler: (event: AccessEvent) => void): Hook;
  /** After every instruction, and after every exception that an instruction raised. Of a repeated one: after each iteration. */
  onInstruction(handler: (event: InstructionEvent) => void): Hook;
  /**
   * Ends a run with exit `request` before the instruction at a linear address. A run that begins where a breakpoint ended
   * the last one passes it.
   */
  addBreakpoint(address: number): Hook;
  /** Ends a run with exit `request` after an instruction that reads (or writes, or either) bytes of a range. */
  addWatchpoint(range: AddressRange, kind: "read" | "write" | "any"): Hook;
  /** Why the last run ended with exit `request`. */
  readonly stopReason: StopReason | null;
}
