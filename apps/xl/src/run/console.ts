import { writeSync } from "node:fs";
import type { Terminal } from "@xenolith/host";

const STDOUT = 1;
/** Ctrl+], as in xl's console. */
const ESCAPE = 0x1d;
const STDIN_CHUNK_LIMIT = 64 * 1024 * 1024;

/** Writes all bytes to stdout before it returns, waiting where a pipe is full. */
const writeOut = (bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
};

const readAll = async (): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = chunk as Uint8Array;
    length += bytes.length;
    if (length > STDIN_CHUNK_LIMIT) break;
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
};

/** Input from outside: read whole before the run under a virtual clock, else passed on as it comes. */
export interface ConsoleInput {
  /** Text to be typed line by line, or null: it comes while the domain runs. */
  readonly script: Uint8Array | null;
}

/** Reads stdin as far as it has to be known before the run begins. */
export const prepareInput = async (clock: "virtual" | "real"): Promise<ConsoleInput> => ({
  script: clock === "virtual" && !process.stdin.isTTY ? await readAll() : null,
});

/**
 * Joins the process's stdout and stdin with a domain's console. A terminal is switched to raw mode; there Ctrl+] calls
 * `onEscape` and is not passed on.
 * @returns a function that undoes it.
 */
export const attachConsole = (
  terminal: Terminal,
  input: ConsoleInput,
  onEscape: () => void,
): (() => void) => {
  terminal.onOutput(writeOut);
  if (input.script !== null) {
    terminal.typeLines(input.script);
    return () => terminal.close();
  }
  const { stdin } = process;
  const onData = (bytes: Buffer): void => {
    if (stdin.isTTY && bytes.includes(ESCAPE)) onEscape();
    else terminal.type(new Uint8Array(bytes));
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData);
    stdin.pause();
    if (stdin.isTTY) stdin.setRawMode(false);
    terminal.close();
  };
};
