import { TRACED_REGISTERS } from "../instrumentation/register-fields.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CODE_SLOTS, codeSlot, END, MAGIC, MAX_ACCESSES, RECORD_FLAG, VERSION } from "./format.ts";
import type { TracedInstruction } from "./types.ts";

const NUMBERS: ReadonlyMap<string, number> = new Map(TRACED_REGISTERS.map((name, number) => [name, number]));

const isSame = (one: Uint8Array | undefined, other: Uint8Array): boolean =>
  one !== undefined && one.length === other.length && one.every((byte, index) => byte === other[index]);

/** Writes instructions as a trace. */
export interface TraceWriter {
  /** To be called for every instruction, in order: as it is, a handler for `onInstruction`. */
  readonly add: (instruction: TracedInstruction) => void;
  /** Writes the end. Nothing may be added afterwards. */
  end(): void;
}

/**
 * Makes a writer of traces. Memory: bounded, some 200 KiB.
 * @param write - takes the trace in chunks of up to 64 KiB, which are its own to keep
 */
export const createTraceWriter = (write: (chunk: Uint8Array) => void): TraceWriter => {
  const out = new ByteWriter(write);
  const code: (Uint8Array | undefined)[] = new Array(CODE_SLOTS).fill(undefined);
  const registers: bigint[] = TRACED_REGISTERS.map(() => 0n);
  const lastAccess = { read: 0, write: 0 };
  let codeBytes = 0;
  let base = 0;
  let next = 0;
  let count = 0;
  out.bytes([...MAGIC, VERSION, 0, 0, 0]);

  const addAccesses = ({ accesses }: TracedInstruction): void => {
    const kept = accesses.slice(0, MAX_ACCESSES);
    out.varint(kept.length);
    for (const { kind, address, sizeBytes, value } of kept) {
      out.u8(sizeBytes | (kind === "write" ? 0x80 : 0));
      out.signed(address - lastAccess[kind]);
      out.wideVarint(value);
      lastAccess[kind] = address;
    }
  };

  const addChanges = ({ changes }: TracedInstruction): void => {
    const known = changes.filter(({ name }) => NUMBERS.has(name));
    out.varint(known.length);
    for (const { name, after } of known) {
      const number = NUMBERS.get(name) ?? 0;
      out.u8(number);
      out.wideSigned(after - (registers[number] ?? 0n));
      registers[number] = after;
    }
  };

  const add = (instruction: TracedInstruction): void => {
    const { address, instructionPointer, bytes } = instruction;
    const slot = codeSlot(address);
    const isNewContext = codeBytes !== instruction.codeBytes || base !== address - instructionPointer;
    const isNewCode = !isSame(code[slot], bytes);
    const flags =
      (isNewContext ? RECORD_FLAG.context : 0) |
      (address === next ? 0 : RECORD_FLAG.jump) |
      (isNewCode ? RECORD_FLAG.code : 0) |
      (instruction.accesses.length > 0 ? RECORD_FLAG.accesses : 0) |
      (instruction.changes.length > 0 ? RECORD_FLAG.changes : 0) |
      (instruction.hasRetired ? 0 : RECORD_FLAG.faulted);
    out.u8(flags);
    if (isNewContext) {
      codeBytes = instruction.codeBytes;
      base = address - instructionPointer;
      out.u8(codeBytes);
      out.signed(base);
    }
    if (address !== next) out.signed(address - next);
    if (isNewCode) {
      out.u8(bytes.length);
      out.bytes(bytes);
      code[slot] = bytes.slice();
    }
    if (instruction.accesses.length > 0) addAccesses(instruction);
    if (instruction.changes.length > 0) addChanges(instruction);
    next = address + bytes.length;
    count += 1;
  };

  return {
    add,
    end: () => {
      out.u8(END);
      out.varint(count);
      out.flush();
    },
  };
};
