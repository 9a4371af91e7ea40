import type { MappedPages } from "@xenolith/domain-interface";
import { PAGE_SIZE } from "@xenolith/machine-interface";
import type { Struct } from "@xenolith/xen-abi/struct";
import type { Draw } from "../draw.ts";
import { ARENA_PAGES, AT, type AttackerWidth } from "./layout.ts";

const ARENA_BYTES = ARENA_PAGES * PAGE_SIZE;

/** Attacker's memory for the structures that calls point to, written by the harness and read by the hypervisor. */
export interface Arena {
  /** Forgets all structures: a new plan begins. The next ones lie somewhere else, also across ends of pages. */
  clear(): void;
  /** Places bytes. @returns their linear address */
  put(bytes: Uint8Array): number;
  /** Places a structure. */
  putStruct<Fields extends object>(type: Struct<Fields>, fields: Fields): number;
  putWords(words: readonly number[]): number;
  /** Places numbers of the guest's word size. */
  putLongs(words: readonly (number | bigint)[]): number;
  /** Room of `lengthBytes` zero bytes. */
  reserve(lengthBytes: number): number;
  readUint32(at: number): number;
  /** Low 32 bits of element `index` of an array of the guest's word size. */
  readLong(at: number, index: number): number;
  write(at: number, value: number): void;
  readInt16(at: number): number;
  readStruct<Fields extends object>(type: Struct<Fields>, at: number): Fields;
  /** Changes one word of what has been put since {@link clear}, if anything has. */
  corrupt(value: number): void;
}

/** Makes the arena over the pages mapped for the harness. */
export const createArena = (width: AttackerWidth, pages: MappedPages, draw: Draw): Arena => {
  const longBytes = width === "x86_64" ? 8 : 4;
  let next = 0;
  const placed: { at: number; length: number }[] = [];

  const reserve = (lengthBytes: number): number => {
    const length = Math.ceil(lengthBytes / 4) * 4;
    if (next + length > ARENA_BYTES) next = 0;
    const at = next;
    next += length + 4 * draw.below(4);
    if (length > 0) placed.push({ at, length });
    return AT.arena + at;
  };
  const put = (bytes: Uint8Array): number => {
    const at = reserve(bytes.length);
    pages.copyIn(at - AT.arena, bytes);
    return at;
  };
  const read = (at: number, lengthBytes: number): DataView => {
    const bytes = new Uint8Array(lengthBytes);
    pages.copyOut(at - AT.arena, bytes);
    return new DataView(bytes.buffer);
  };

  return {
    clear() {
      placed.length = 0;
      next = 4 * draw.below(ARENA_BYTES / 8);
    },
    put,
    putStruct(type, fields) {
      const bytes = new Uint8Array(type.size(width));
      type.write(new DataView(bytes.buffer), 0, width, fields);
      return put(bytes);
    },
    putWords(words) {
      const bytes = new Uint8Array(4 * words.length);
      const view = new DataView(bytes.buffer);
      for (const [index, value] of words.entries()) view.setUint32(4 * index, value, true);
      return put(bytes);
    },
    putLongs(words) {
      const bytes = new Uint8Array(longBytes * words.length);
      const view = new DataView(bytes.buffer);
      for (const [index, value] of words.entries()) {
        const long = BigInt.asUintN(64, BigInt(value));
        if (longBytes === 8) view.setBigUint64(8 * index, long, true);
        else view.setUint32(4 * index, Number(long & 0xffff_ffffn), true);
      }
      return put(bytes);
    },
    reserve: (lengthBytes) => put(new Uint8Array(lengthBytes)),
    write: (at, value) => pages.writeUint32(at - AT.arena, value),
    readUint32: (at) => read(at, 4).getUint32(0, true),
    readLong: (at, index) => read(at + longBytes * index, 4).getUint32(0, true),
    readInt16: (at) => read(at, 2).getInt16(0, true),
    readStruct: (type, at) => type.read(read(at, type.size(width)), 0, width),
    corrupt(value) {
      if (placed.length === 0) return;
      const { at, length } = draw.pick(placed);
      pages.writeUint32(at + 4 * draw.below(length / 4), value);
    },
  };
};
