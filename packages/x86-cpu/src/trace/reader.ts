import { decode, formatInstruction } from "../decoder/index.ts";
import { TRACED_REGISTERS } from "../instrumentation/register-fields.ts";
import { ByteCursor } from "./byte-cursor.ts";
import {
  CODE_SLOTS,
  codeSlot,
  END,
  HEADER_BYTES,
  MAGIC,
  MAX_ACCESS_BYTES,
  MAX_ACCESSES,
  MAX_RECORD_BYTES,
  RECORD_FLAG,
  VERSION,
} from "./format.ts";
import type { TracedInstruction, TraceProblem, TraceRecord } from "./types.ts";

type Access = TracedInstruction["accesses"][number];
type Change = TracedInstruction["changes"][number];

const ALL_FLAGS = Object.values(RECORD_FLAG).reduce<number>((all, flag) => all | flag, 0);
const REGISTER_BITS = 128;
const LARGEST_ADDRESS = 2 ** 51;
const MAX_CODE_BYTES = 15;

const problem = (message: string): TraceProblem => ({ kind: "problem", message });

/** Reads a trace as it comes. Memory is bounded, whatever the bytes say. */
export interface TraceReader {
  /** Takes the next bytes, of any number. Records that are whole are handed on at once. Null: so far all is well. */
  push(chunk: Uint8Array): TraceProblem | null;
  /** There are no more bytes. Null: the trace was whole. */
  finish(): TraceProblem | null;
}

/** What a record says, before any of it counts. */
interface Parsed {
  readonly record: TraceRecord;
  readonly base: number;
}

/** Makes a reader of traces that hands records to `take`. Nothing a trace holds throws. */
export const createTraceReader = (take: (record: TraceRecord) => void): TraceReader => {
  const code: (Uint8Array | undefined)[] = new Array(CODE_SLOTS).fill(undefined);
  const registers: bigint[] = TRACED_REGISTERS.map(() => 0n);
  const last = { read: 0, write: 0 };
  let pending = new Uint8Array();
  let hasHeader = false;
  let isOver = false;
  let failed: TraceProblem | null = null;
  let context: { readonly codeBytes: 2 | 4 | 8; readonly base: number } | null = null;
  let next = 0;
  let count = 0;

  const readContext = (cursor: ByteCursor) => {
    const codeBytes = cursor.u8();
    const base = cursor.signed();
    if (codeBytes === 2 || codeBytes === 4 || codeBytes === 8) return { codeBytes, base } as const;
    cursor.refuse();
    return context;
  };

  const readAccesses = (cursor: ByteCursor): readonly Access[] => {
    const number = cursor.varint();
    if (number > MAX_ACCESSES) cursor.refuse();
    const at = { ...last };
    const accesses: Access[] = [];
    while (accesses.length < number && cursor.obstacle === null) {
      const byte = cursor.u8();
      const kind = byte & 0x80 ? "write" : "read";
      const sizeBytes = byte & 0x7f;
      if (sizeBytes > MAX_ACCESS_BYTES) cursor.refuse();
      at[kind] += cursor.signed();
      if (Math.abs(at[kind]) > LARGEST_ADDRESS) cursor.refuse();
      accesses.push({ kind, sizeBytes, address: at[kind], value: cursor.wideVarint(8 * sizeBytes) });
    }
    return accesses;
  };

  const readChanges = (cursor: ByteCursor): readonly Change[] => {
    const number = cursor.varint();
    if (number > TRACED_REGISTERS.length) cursor.refuse();
    const changes: Change[] = [];
    while (changes.length < number && cursor.obstacle === null) {
      const register = cursor.u8();
      const name = TRACED_REGISTERS[register];
      const after = (registers[register] ?? 0n) + cursor.wideSigned(REGISTER_BITS);
      if (name === undefined || after < 0n || after >> BigInt(REGISTER_BITS) !== 0n) cursor.refuse();
      else changes.push({ name, after });
    }
    return changes;
  };

  const readRecord = (cursor: ByteCursor, flags: number): Parsed | null => {
    if ((flags & ~ALL_FLAGS) !== 0) cursor.refuse();
    const now = flags & RECORD_FLAG.context ? readContext(cursor) : context;
    const address = flags & RECORD_FLAG.jump ? next + cursor.signed() : next;
    if (now === null || Math.abs(address) > LARGEST_ADDRESS) cursor.refuse();
    const length = flags & RECORD_FLAG.code ? cursor.u8() : 0;
    if (length > MAX_CODE_BYTES) cursor.refuse();
    const bytes = flags & RECORD_FLAG.code ? cursor.bytes(length) : code[codeSlot(address)];
    if (bytes === undefined) cursor.refuse();
    const accesses = flags & RECORD_FLAG.accesses ? readAccesses(cursor) : [];
    const changes = flags & RECORD_FLAG.changes ? readChanges(cursor) : [];
    if (cursor.obstacle !== null || now === null || bytes === undefined) return null;
    const { codeBytes, base } = now;
    const instructionPointer = address - base;
    const record: TraceRecord = {
      address,
      instructionPointer,
      bytes,
      codeBytes,
      hasRetired: (flags & RECORD_FLAG.faulted) === 0,
      accesses,
      changes,
      get text(): string {
        if (bytes.length === 0) return "(cannot be fetched)";
        return formatInstruction(decode(bytes, 0, bytes.length, codeBytes), instructionPointer);
      },
    };
    return { record, base };
  };

  /** From now on what a record says counts. */
  const accept = ({ record, base }: Parsed): void => {
    context = { codeBytes: record.codeBytes, base };
    code[codeSlot(record.address)] = record.bytes;
    next = record.address + record.bytes.length;
    for (const { kind, address } of record.accesses) last[kind] = address;
    for (const { name, after } of record.changes) registers[TRACED_REGISTERS.indexOf(name)] = after;
    count += 1;
    take(record);
  };

  const checkHeader = (header: Uint8Array): TraceProblem | null => {
    if (MAGIC.some((byte, index) => header[index] !== byte)) return problem("is not a trace");
    const version = header[MAGIC.length];
    return version === VERSION ? null : problem(`is a trace of version ${version}, which is not known`);
  };

  /** Reads one record or the end. Returns the bytes it took: 0 when there are not enough. */
  const step = (bytes: Uint8Array): number => {
    const cursor = new ByteCursor(bytes);
    const flags = cursor.u8();
    const isEnd = flags === END;
    const parsed = isEnd ? null : readRecord(cursor, flags);
    const total = isEnd ? cursor.varint() : 0;
    if (cursor.obstacle === "more") {
      if (bytes.length > MAX_RECORD_BYTES) failed = problem("has a record without an end");
      return 0;
    }
    if (cursor.obstacle === "bad") {
      failed = problem(`makes no sense after ${count} records`);
      return 0;
    }
    if (parsed !== null) accept(parsed);
    if (isEnd) {
      isOver = true;
      if (total !== count) failed = problem(`says it has ${total} records, and has ${count}`);
    }
    return cursor.at;
  };

  return {
    push: (chunk) => {
      if (failed !== null) return failed;
      const bytes = new Uint8Array(pending.length + chunk.length);
      bytes.set(pending);
      bytes.set(chunk, pending.length);
      let at = 0;
      if (!hasHeader && bytes.length >= HEADER_BYTES) {
        failed = checkHeader(bytes);
        hasHeader = true;
        at = HEADER_BYTES;
      }
      while (hasHeader && failed === null && at < bytes.length) {
        if (isOver) failed = problem("goes on after its end");
        else {
          const taken = step(bytes.subarray(at, at + MAX_RECORD_BYTES + 1));
          if (taken === 0) break;
          at += taken;
        }
      }
      pending = failed === null ? bytes.slice(at) : new Uint8Array();
      return failed;
    },
    finish: () => {
      if (failed === null && !isOver) failed = problem(`stops after ${count} records without an end`);
      return failed;
    },
  };
};
