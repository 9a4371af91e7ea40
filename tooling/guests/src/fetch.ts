import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuestFile } from "./catalogue.ts";

/** A mistake or a lack that the person at the terminal can mend: printed as one line, exit 2. */
export class GuestsError extends Error {}

/** Runs a program. @returns what it printed. */
const run = (command: string, args: readonly string[], cwd: string): string => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.error !== undefined)
    throw new GuestsError(`${command} cannot be run: it comes with Debian (${result.error.message})`);
  if (result.status !== 0) {
    const reason = result.stderr.trim().split("\n").at(-1) ?? "";
    throw new GuestsError(`${command} ${args.join(" ")} failed: ${reason}`);
  }
  return result.stdout;
};

/** The newest file of a package in a folder, or null. */
const findPackage = (folder: string, fits: (name: string) => boolean): string | null => {
  const found = readdirSync(folder).filter((file) => fits(file.split("_")[0] ?? "") && file.endsWith(".deb"));
  const last = found.sort().at(-1);
  return last === undefined ? null : join(folder, last);
};

/** The package that has the file: the one named, or what that depends on. */
const packageOf = ({ package: name, dependency }: GuestFile, folder: string): string => {
  if (dependency === undefined) return name;
  const lines = run("apt-cache", ["depends", name], folder).split("\n");
  const names = lines.flatMap((line) => /^\s*Depends:\s*(\S+)/.exec(line)?.[1] ?? []);
  const found = names.find((candidate) => dependency.test(candidate));
  if (found === undefined) throw new GuestsError(`${name}: depends on no package like ${dependency.source}`);
  return found;
};

/** Replaces each `*` of a path by the one entry that fits. @returns the path, or null where there is none. */
const expand = (root: string, path: string): string | null => {
  let at = root;
  for (const part of path.split("/")) {
    const [before = "", after] = part.split("*");
    const name =
      after === undefined
        ? part
        : readdirSync(at).find((entry) => entry.startsWith(before) && entry.endsWith(after));
    if (name === undefined || !existsSync(join(at, name))) return null;
    at = join(at, name);
  }
  return at;
};

const download = (name: string, folder: string): string => {
  try {
    run("apt-get", ["download", "-q", name], folder);
  } catch {
    run("apt-get", ["update", "-q"], folder);
    run("apt-get", ["download", "-q", name], folder);
  }
  const file = findPackage(folder, (found) => found === name);
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
    for (const first of missing.filter(
      (file, index) => missing.findIndex((other) => other.package === file.package) === index,
    )) {
      const { package: name, dependency } = first;
      say(`fetching ${name}`);
      const fits = (found: string): boolean => dependency?.test(found) ?? found === name;
      const archive = from === null ? download(packageOf(first, scratch), scratch) : findPackage(from, fits);
      if (archive === null) throw new GuestsError(`${from}: no ${name}_*.deb in it`);
      const unpacked = join(scratch, `${name}.unpacked`);
      run("dpkg-deb", ["-x", archive, unpacked], scratch);
      for (const file of missing.filter((candidate) => candidate.package === name)) {
        const found = expand(unpacked, file.path);
        if (found === null) throw new GuestsError(`${archive}: no ${file.path} in it`);
        copyFileSync(found, join(into, file.name));
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const file of files) say(join(into, file.name));
};
