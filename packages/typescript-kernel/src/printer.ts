import type { ByteStream } from "@xenolith/backend-interface";

/** Bytes that may wait for room on a console; beyond them the oldest waiting lines are given up. */
const BACKLOG_BYTES = 65_536;

/** A console that lines can be printed to while somebody else reads from it. */
export interface PrintingConsole {
  /** The stream as its reader sees it: the same bytes, with a listener of the reader's own. */
  readonly stream: ByteStream;
  print(line: string): void;
}

/** Puts a queue of lines in front of a console: what finds no room is kept and written in order when there is some. */
export const createPrintingConsole = (console: ByteStream): PrintingConsole => {
  const encoder = new TextEncoder();
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let listener: (() => void) | null = null;

  const flush = (): void => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const taken = console.write(first);
      waitingBytes -= taken;
      if (taken < first.length) {
        waiting[0] = first.subarray(taken);
        return;
      }
      waiting.shift();
    }
  };
  console.onActivity(() => {
    flush();
    listener?.();
  });

  return {
    stream: {
      write: (bytes) => (waiting.length > 0 ? 0 : console.write(bytes)),
      read: (into) => console.read(into),
      onActivity: (next) => {
        listener = next;
      },
      get closed() {
        return console.closed;
      },
      close: () => console.close(),
    },
    print: (line) => {
      const bytes = encoder.encode(`${line}\n`);
      waiting.push(bytes);
      waitingBytes += bytes.length;
      while (waitingBytes > BACKLOG_BYTES && waiting.length > 1) waitingBytes -= waiting.shift()?.length ?? 0;
      flush();
    },
  };
};
