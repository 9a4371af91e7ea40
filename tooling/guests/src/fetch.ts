import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuestFile } from "./catalogue.ts";

/** A mistake or a lack that the person at the terminal can mend: printed as one line, exit 2. */
export class GuestsError extends Error {}

const run = (command: string, args: readonly string[], cwd: string): void => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (result.error !== undefined)
    throw new GuestsError(`${command} cannot be run: it comes with Debian (${result.error.message})`);
  if (result.status !== 0) {
    const reason = result.stderr.trim().split("\n").at(-1) ?? "";
    throw new GuestsError(`${command} ${args.join(" ")} failed: ${reason}`);
  }
};

/** The newest file of a package in a folder, or null. */
const findPackage = (folder: string, name: string): string | null => {
  const found = readdirSync(folder).filter((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  const last = found.sort().at(-1);
  return last === undefined ? null : join(folder, last);
};

const download = (name: string, folder: string): string => {
  try {
    run("apt-get", ["download", "-q", name], folder);
  } catch {
    run("apt-get", ["update", "-q"], folder);
    run("apt-get", ["download", "-q", name], folder);
  }
  const file = findPackage(folder, name);
  if (file === null) throw new GuestsError(`apt-get download ${name} left no package`);
  return file;
};

/** Where guests go and where packages come from. */
export interface FetchOptions {
  readonly into: string;
  /** Folder with .deb files fetched otherwise, or null: `apt-get download`. */
  readonly from: string | null;
  readonly say: (line: string) => void;
}

/** Puts every file of the catalogue that is not there yet into a folder. */
export const fetchGuests = (files: readonly GuestFile[], { into, from, say }: FetchOptions): void => {
  mkdirSync(into, { recursive: true });
  const missing = files.filter((file) => !existsSync(join(into, file.name)));
  const scratch = mkdtempSync(join(tmpdir(), "guests-"));
  try {
    for (const name of new Set(missing.map((file) => file.package))) {
      say(`fetching ${name}`);
      const archive = from === null ? download(name, scratch) : findPackage(from, name);
      if (archive === null) throw new GuestsError(`${from}: no ${name}_*.deb in it`);
      const unpacked = join(scratch, name);
      run("dpkg-deb", ["-x", archive, unpacked], scratch);
      for (const file of missing.filter((candidate) => candidate.package === name)) {
        if (!existsSync(join(unpacked, file.path)))
          throw new GuestsError(`${archive}: no ${file.path} in it`);
        copyFileSync(join(unpacked, file.path), join(into, file.name));
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const file of files) say(join(into, file.name));
};
