import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import type { ArchivedModule, TranslationArchive } from "@xenolith/x86-cpu";

/** Bytes before each module in a file: its length and its CRC-32, u32 each. */
const HEADER_BYTES = 8;
/** Modules wait so long for others, to be written together. */
const WRITE_DELAY_MS = 300;
/** Most bytes of one environment's files: beyond, the oldest files go. */
const MOST_BYTES = 32 << 20;
const MILLISECONDS_PER_DAY = 86_400_000;
/** An environment that no process has opened for so long is removed, */
const MOST_IDLE_DAYS = 30;
/** and those beyond so many: every build of a program has its own. */
const MOST_ENVIRONMENTS = 16;

/** The whole modules of a file: the last one is not whole when its process was killed as it wrote. */
const modulesOf = (file: Buffer): readonly ArchivedModule[] => {
  const modules: ArchivedModule[] = [];
  for (let at = 0; at + HEADER_BYTES <= file.length; ) {
    const end = at + HEADER_BYTES + file.readUInt32LE(at);
    const body = file.subarray(at + HEADER_BYTES, end);
    if (end > file.length || crc32(body) !== file.readUInt32LE(at + 4)) break;
    modules.push(deserialize(body) as ArchivedModule);
    at = end;
  }
  return modules;
};

const encode = (module: ArchivedModule): Buffer => {
  const body = serialize(module);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([header, body]);
};

/** What is in a directory. */
interface DirectoryEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly timeMs: number;
}

/** What is in a directory, newest first. */
const entriesOf = (directory: string): readonly DirectoryEntry[] =>
  readdirSync(directory)
    .map((name): DirectoryEntry => {
      const path = join(directory, name);
      const { size, mtimeMs } = statSync(path);
      return { path, sizeBytes: size, timeMs: mtimeMs };
    })
    .sort((a, b) => b.timeMs - a.timeMs);

const removeIdle = (directory: string): void => {
  const oldestMs = Date.now() - MOST_IDLE_DAYS * MILLISECONDS_PER_DAY;
  for (const [position, { path, timeMs }] of entriesOf(directory).entries())
    if (position >= MOST_ENVIRONMENTS || timeMs < oldestMs) rmSync(path, { recursive: true, force: true });
};

/** Runs something on files that other processes may be changing. @returns undefined where it cannot be done */
const tried = <T>(work: () => T): T | undefined => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

/** An archive of translations in files. */
export interface TranslationFiles extends TranslationArchive {
  /** Writes what has been kept and not been written. Done without being asked soon after, and when the process ends. */
  flush(): void;
}

/** The file of one process in the directory of an environment. */
class OwnFile {
  readonly #path: string;
  #waiting: Buffer[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(directory: string) {
    this.#path = join(directory, `${Date.now()}-${process.pid}`);
    process.once("exit", this.flush);
  }

  add(module: ArchivedModule): void {
    this.#waiting.push(encode(module));
    this.#timer ??= setTimeout(this.flush, WRITE_DELAY_MS).unref();
  }

  readonly flush = (): void => {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    if (bytes.length > 0) tried(() => appendFileSync(this.#path, bytes, { mode: 0o600 }));
  };
}

/** The modules in a directory's files, oldest first. Files for which there is no room are removed, oldest first. */
const readAll = (directory: string): readonly ArchivedModule[] => {
  let roomBytes = MOST_BYTES;
  const found: (readonly ArchivedModule[])[] = [];
  for (const { path, sizeBytes } of entriesOf(directory)) {
    roomBytes -= sizeBytes;
    const modules = tried(() => (roomBytes < 0 ? rmSync(path) : modulesOf(readFileSync(path))));
    found.unshift(modules ?? []);
  }
  return found.flat();
};

/**
 * Keeps translations in files below a directory, one for each process, in a directory for each environment. Nothing depends on it: where
 * files cannot be read or written, nothing is found or kept. Processes may use it at the same time.
 * @param directory - made when needed, for its owner alone: what is in it is run as code of this process
 * @param version - of the programs that keep translations: only those of the same version are found
 */
export const openTranslationArchive = (directory: string, version: string): TranslationFiles => {
  let file: OwnFile | null = null;
  return {
    open: (environment) => {
      const name = createHash("sha256").update(`${version}\n${environment}`).digest("hex").slice(0, 32);
      const own = join(directory, name);
      return (
        tried(() => {
          mkdirSync(own, { recursive: true, mode: 0o700 });
          const now = new Date();
          utimesSync(own, now, now);
          removeIdle(directory);
          file = new OwnFile(own);
          return readAll(own);
        }) ?? []
      );
    },
    keep: (module) => file?.add(module),
    flush: () => file?.flush(),
  };
};
