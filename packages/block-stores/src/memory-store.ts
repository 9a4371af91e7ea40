import {
  type BlockRequest,
  type BlockStatus,
  type BlockStore,
  SECTOR_BYTES,
} from "@xenolith/backend-interface";
import { HostError } from "@xenolith/machine-interface";
import { isServable } from "./request-range.ts";

/** A disk in memory. */
export interface MemoryStoreOptions {
  readonly sectorCount: number;
  /** First bytes of the disk; the rest is zero. Copied. */
  readonly contents?: Uint8Array;
  readonly readOnly?: boolean;
}

/** Bytes that are allocated together. */
const CHUNK_BYTES = 65_536;

/**
 * Makes a disk whose bytes are kept in memory, in chunks of 64 KiB that exist from the first write on. Discarding gives whole
 * chunks back and reads as zeroes. Requests complete before `submit` returns.
 *
 * @throws HostError `bad-disk-size` when the size is not a whole number, or the contents do not fit.
 */
export const createMemoryStore = (options: MemoryStoreOptions): BlockStore => {
  const { sectorCount, contents = new Uint8Array(0), readOnly = false } = options;
  if (!Number.isInteger(sectorCount) || sectorCount < 0 || !Number.isSafeInteger(sectorCount * SECTOR_BYTES))
    throw new HostError("bad-disk-size", `memory disk: ${sectorCount} sectors is not a size`);
  if (contents.length > sectorCount * SECTOR_BYTES)
    throw new HostError(
      "bad-disk-size",
      `memory disk: ${contents.length} bytes do not fit ${sectorCount} sectors`,
    );
  const chunks = new Map<number, Uint8Array>();

  /** Calls `piece(chunk number, offset in it, offset in the range, length)` for each part of a range. */
  const forEachPiece = (
    at: number,
    lengthBytes: number,
    piece: (chunk: number, offset: number, from: number, length: number) => void,
  ): void => {
    for (let from = 0; from < lengthBytes; ) {
      const chunk = Math.floor((at + from) / CHUNK_BYTES);
      const offset = (at + from) % CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES - offset, lengthBytes - from);
      piece(chunk, offset, from, length);
      from += length;
    }
  };
  const read = (at: number, into: Uint8Array): void =>
    forEachPiece(at, into.length, (number, offset, from, length) => {
      const chunk = chunks.get(number);
      if (chunk === undefined) into.fill(0, from, from + length);
      else into.set(chunk.subarray(offset, offset + length), from);
    });
  const write = (at: number, bytes: Uint8Array): void =>
    forEachPiece(at, bytes.length, (number, offset, from, length) => {
      const chunk = chunks.get(number) ?? new Uint8Array(CHUNK_BYTES);
      chunks.set(number, chunk);
      chunk.set(bytes.subarray(from, from + length), offset);
    });
  const discard = (at: number, lengthBytes: number): void =>
    forEachPiece(at, lengthBytes, (number, offset, _from, length) => {
      if (length === CHUNK_BYTES) chunks.delete(number);
      else chunks.get(number)?.fill(0, offset, offset + length);
    });

  const perform = (request: BlockRequest): BlockStatus => {
    if (!isServable(store, request)) return "io-error";
    switch (request.kind) {
      case "read":
        read(request.sector512 * SECTOR_BYTES, request.into);
        break;
      case "write":
        write(request.sector512 * SECTOR_BYTES, request.from);
        break;
      case "discard":
        discard(request.sector512 * SECTOR_BYTES, request.sectorCount * SECTOR_BYTES);
        break;
      case "flush":
    }
    return "ok";
  };
  const store: BlockStore = {
    sectorCount,
    readOnly,
    canDiscard: true,
    submit: (request, done) => done(perform(request)),
    close: async () => {},
  };
  write(0, contents);
  return store;
};
