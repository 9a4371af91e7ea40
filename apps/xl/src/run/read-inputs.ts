import { readFileSync } from "node:fs";
import { openDisk } from "@xenolith/host/node";
import { type DiskConfig, parseDiskSpec } from "@xenolith/toolstack";
import { UsageError } from "../usage-error.ts";
import type { RunOptions } from "./options.ts";

/** Everything a run needs from files. */
export interface RunInputs {
  readonly kernel: Uint8Array;
  readonly ramdisk: Uint8Array | null;
  readonly disks: readonly DiskConfig[];
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a directory",
};

const readFile = (what: string, path: string): Uint8Array => {
  try {
    const { buffer, byteOffset, length } = readFileSync(path);
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new UsageError(`${what} ${path}: ${REASONS[code] ?? `cannot be read (${code})`}`);
  }
};

/** Opens and reads what the options name. When one thing fails nothing stays open. @throws UsageError, ConfigError, HostError */
export const readInputs = async (options: RunOptions): Promise<RunInputs> => {
  const specs = options.disks.map(parseDiskSpec);
  const kernel = readFile("kernel", options.kernel);
  const ramdisk = options.ramdisk === null ? null : readFile("ramdisk", options.ramdisk);
  const disks: DiskConfig[] = [];
  try {
    for (const spec of specs) disks.push(openDisk(spec));
  } catch (error) {
    await Promise.all(disks.map((disk) => disk.store.close()));
    throw error;
  }
  return { kernel, ramdisk, disks };
};
