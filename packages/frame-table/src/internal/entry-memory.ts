import { type MachineMemory, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import type { TableRules } from "../table-rules.ts";
import type { TableEntry } from "../types.ts";

/** Entries of page tables in machine memory. The frame has been checked to exist. */
export interface EntryMemory {
  /** Reads an entry of 4 or 8 bytes, as the rules say. */
  read(rules: TableRules, table: number, index: number): TableEntry;
  /** The words of an entry, as {@link read} gives them, where there are many to read. */
  low(rules: TableRules, table: number, index: number): number;
  high(rules: TableRules, table: number, index: number): number;
  /** Index of the first present entry from `index` on, or `end`: most tables are nearly empty. */
  nextPresent(rules: TableRules, table: number, index: number, end: number): number;
  /** Writes an entry and announces the store. */
  write(rules: TableRules, table: number, index: number, entry: TableEntry): void;
  /** Zeroes the slots from `first` up to, not including, `end`. */
  clear(rules: TableRules, table: number, first: number, end: number): void;
  /** Zeroes a whole frame. */
  scrub(frame: number): void;
}

/** Makes the accessor. */
export const createEntryMemory = (memory: MachineMemory): EntryMemory => {
  const { words, bytes } = memory;

  const fill = (frame: number, offset: number, lengthBytes: number): void => {
    const start = frame * PAGE_SIZE + offset;
    bytes.fill(0, start, start + lengthBytes);
    memory.written(toMfn(frame), offset, lengthBytes);
  };

  const low: EntryMemory["low"] = ({ shape }, table, index) =>
    words[(table * PAGE_SIZE + index * shape.entryBytes) >>> 2] ?? 0;
  const high: EntryMemory["high"] = ({ shape }, table, index) =>
    shape.entryBytes === 8 ? (words[((table * PAGE_SIZE + index * 8) >>> 2) + 1] ?? 0) : 0;

  return {
    low,
    high,
    read: (rules, table, index) => ({
      low: low(rules, table, index),
      high: high(rules, table, index),
    }),
    nextPresent({ shape }, table, index, end) {
      const step = shape.entryBytes >>> 2;
      let word = (table * PAGE_SIZE + index * shape.entryBytes) >>> 2;
      let at = index;
      for (; at < end && ((words[word] ?? 0) & PTE.present) === 0; at++) word += step;
      return at;
    },
    write(rules, table, index, entry) {
      const { entryBytes } = rules.shape;
      const offset = index * entryBytes;
      const word = (table * PAGE_SIZE + offset) >>> 2;
      words[word] = entry.low;
      if (entryBytes === 8) words[word + 1] = entry.high;
      memory.written(toMfn(table), offset, entryBytes);
    },
    clear(rules, table, first, end) {
      const { entryBytes } = rules.shape;
      if (end > first) fill(table, first * entryBytes, (end - first) * entryBytes);
    },
    scrub: (frame) => fill(frame, 0, PAGE_SIZE),
  };
};
