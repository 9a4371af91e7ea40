import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import {
  type BlockRequest,
  type BlockStatus,
  type BlockStore,
  SECTOR_BYTES,
} from "@xenolith/backend-interface";
import { HostError } from "@xenolith/machine-interface";
import { isServable } from "../request-range.ts";

/** A file that is a disk, byte for byte. */
export interface RawFileOptions {
  readonly path: string;
  readonly readOnly?: boolean;
}

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const number = "errno" in error ? Number(error.errno) : 0;
  return getSystemErrorMap().get(number)?.[1] ?? error.message;
};

const openFile = ({ path, readOnly = false }: RawFileOptions): { file: number; sizeBytes: number } => {
  const refuse = (why: string): never => {
    throw new HostError("disk-image", `disk image ${path}: ${why}`);
  };
  let file: number;
  try {
    file = openSync(path, readOnly ? "r" : "r+");
  } catch (error) {
    return refuse(describe(error));
  }
  const stat = fstatSync(file);
  const problem = stat.isFile()
    ? stat.size < SECTOR_BYTES
      ? `${stat.size} bytes are less than a sector`
      : null
    : "not a regular file";
  if (problem !== null) {
    closeSync(file);
    refuse(problem);
  }
  return { file, sizeBytes: stat.size };
};

/** Repeats a transfer that may be cut short. @throws when nothing is transferred any more. */
const transferAll = (lengthBytes: number, transfer: (done: number) => number): void => {
  for (let done = 0; done < lengthBytes; ) {
    const count = transfer(done);
    if (count <= 0) throw new Error("the file has become shorter");
    done += count;
  }
};

/**
 * Opens a raw disk image. Its size is rounded down to whole sectors. Requests are carried out with the synchronous calls of the
 * operating system and complete before `submit` returns; a flush is `fsync`. What the operating system refuses is an `io-error`.
 *
 * @throws HostError `disk-image`, one line that names the file and what is wrong, when it cannot be opened or is no disk.
 */
export const openRawFile = (options: RawFileOptions): BlockStore => {
  const { file, sizeBytes } = openFile(options);
  let open = true;

  const transfer = (request: BlockRequest): void => {
    switch (request.kind) {
      case "read": {
        const { into, sector512 } = request;
        transferAll(into.length, (done) =>
          readSync(file, into, done, into.length - done, sector512 * SECTOR_BYTES + done),
        );
        return;
      }
      case "write": {
        const { from, sector512 } = request;
        transferAll(from.length, (done) =>
          writeSync(file, from, done, from.length - done, sector512 * SECTOR_BYTES + done),
        );
        return;
      }
      case "flush":
        if (!store.readOnly) fsyncSync(file);
        return;
      case "discard":
    }
  };
  const perform = (request: BlockRequest): BlockStatus => {
    if (!open || !isServable(store, request)) return "io-error";
    if (request.kind === "discard") return "unsupported";
    try {
      transfer(request);
      return "ok";
    } catch {
      return "io-error";
    }
  };
  const store: BlockStore = {
    sectorCount: Math.floor(sizeBytes / SECTOR_BYTES),
    readOnly: options.readOnly ?? false,
    canDiscard: false,
    submit: (request, done) => done(perform(request)),
    close: async () => {
      if (!open) return;
      perform({ kind: "flush" });
      open = false;
      closeSync(file);
    },
  };
  return store;
};
