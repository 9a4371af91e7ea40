import type { BlockStatus, BlockStore } from "@xenolith/backend-interface";
import { BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_ERROR, BLKIF_RSP_OKAY } from "@xenolith/xen-abi/io/blkif";
import type { DataPages } from "./data-pages.ts";
import type { BlockCommand } from "./parse.ts";

/** What commands work on. */
export interface ExecutionContext {
  readonly store: BlockStore;
  /** The front end's pages. They are left alone once it has disconnected. */
  readonly pages: DataPages;
}

const STATUS: Readonly<Record<BlockStatus, number>> = {
  ok: BLKIF_RSP_OKAY,
  "io-error": BLKIF_RSP_ERROR,
  unsupported: BLKIF_RSP_EOPNOTSUPP,
};

const executeRead = (
  context: ExecutionContext,
  command: Extract<BlockCommand, { kind: "read" }>,
  done: (status: number) => void,
): void => {
  const into = new Uint8Array(command.lengthBytes);
  context.store.submit({ kind: "read", sector512: command.sector512, into }, (status) => {
    if (status !== "ok") done(STATUS[status]);
    else done(context.pages.copy(command.runs, into, "to-grant") ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
  });
};

const executeWrite = (
  context: ExecutionContext,
  { order, sector512, runs, lengthBytes }: Extract<BlockCommand, { kind: "write" }>,
  done: (status: number) => void,
): void => {
  const { store } = context;
  const finish = (status: BlockStatus): void => done(STATUS[status]);
  const flush = (next: (status: BlockStatus) => void): void => store.submit({ kind: "flush" }, next);
  if (lengthBytes === 0) {
    flush(finish);
    return;
  }
  const from = new Uint8Array(lengthBytes);
  if (!context.pages.copy(runs, from, "from-grant")) {
    done(BLKIF_RSP_ERROR);
    return;
  }
  const write = (next: (status: BlockStatus) => void): void =>
    store.submit({ kind: "write", sector512, from }, next);
  if (order === "none") {
    write(finish);
    return;
  }
  // Earlier writes become durable before this one, and this one before it is answered.
  flush((before) => {
    if (before !== "ok") finish(before);
    else write((written) => (written === "ok" ? flush(finish) : finish(written)));
  });
};

/** Carries a command out. `done` is called exactly once with the response's status, perhaps before this returns. */
export const executeCommand = (
  context: ExecutionContext,
  command: BlockCommand,
  done: (status: number) => void,
): void => {
  switch (command.kind) {
    case "read":
      executeRead(context, command, done);
      return;
    case "write":
      executeWrite(context, command, done);
      return;
    case "discard": {
      const { sector512, sectorCount } = command;
      context.store.submit({ kind: "discard", sector512, sectorCount }, (status) => done(STATUS[status]));
      return;
    }
    case "refused":
      done(command.status);
  }
};
