import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Apt, aptOfSuite, ownApt } from "./apt.ts";
import type { GuestFile } from "./catalogue.ts";
import { GuestsError, run } from "./run.ts";

/** The newest file of a package in a folder, or null. */
const findPackage = (folder: string, fits: (name: string) => boolean): string | null => {
  const found = readdirSync(folder).filter((file) => fits(file.split("_")[0] ?? "") && file.endsWith(".deb"));
  const last = found.sort().at(-1);
  return last === undefined ? null : join(folder, last);
};

/** The package that has the file: the one named, or what that depends on. */
const packageOf = ({ package: name, dependency }: GuestFile, apt: Apt): string => {
  if (dependency === undefined) return name;
  const found = apt.dependencies(name).find((candidate) => dependency.test(candidate));
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

/** Where guests go and where packages come from. */
export interface FetchOptions {
  readonly into: string;
  /** Folder with .deb files fetched otherwise, or null: `apt-get download`. */
  readonly from: string | null;
  readonly say: (line: string) => void;
}

/** Files that are in the same package of the same release. */
const packagesOf = (files: readonly GuestFile[]): readonly (readonly [GuestFile, ...GuestFile[]])[] => {
  const groups = new Map<string, [GuestFile, ...GuestFile[]]>();
  for (const file of files) {
    const key = `${file.suite ?? ""} ${file.package}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return [...groups.values()];
};

const fetchPackage = (
  group: readonly [GuestFile, ...GuestFile[]],
  scratch: string,
  { into, from, say }: FetchOptions,
): void => {
  const [{ package: name, dependency, suite }] = group;
  say(`fetching ${name}${suite === undefined ? "" : ` of ${suite}`}`);
  const folder = mkdtempSync(join(scratch, "package-"));
  const fits = (found: string): boolean => dependency?.test(found) ?? found === name;
  if (from === null) {
    const apt = suite === undefined ? ownApt(scratch) : aptOfSuite(suite, scratch);
    apt.download(packageOf(group[0], apt), folder);
  }
  const archive = findPackage(from ?? folder, fits);
  if (archive === null) throw new GuestsError(`${from ?? name}: no ${name}_*.deb`);
  const unpacked = join(folder, "unpacked");
  run("dpkg-deb", ["-x", archive, unpacked], scratch);
  for (const file of group) {
    const found = expand(unpacked, file.path);
    if (found === null) throw new GuestsError(`${archive}: no ${file.path} in it`);
    const target = join(into, file.name);
    if (file.isPacked === true)
      writeFileSync(target, run("xz", ["--decompress", "--stdout", found], scratch));
    else copyFileSync(found, target);
  }
};

/** Puts every file of the catalogue that is not there yet into a folder. What is optional and cannot be had is said. */
export const fetchGuests = (files: readonly GuestFile[], options: FetchOptions): void => {
  const { into, say } = options;
  mkdirSync(into, { recursive: true });
  const isMissing = ({ name }: GuestFile): boolean => !existsSync(join(into, name));
  const scratch = mkdtempSync(join(tmpdir(), "guests-"));
  try {
    for (const group of packagesOf(files.filter(isMissing))) {
      try {
        fetchPackage(group, scratch, options);
      } catch (error) {
        if (!(error instanceof GuestsError) || group[0].isOptional !== true) throw error;
        say(`without ${group.map(({ name }) => name).join(", ")}: ${error.message}`);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const file of files) if (!isMissing(file)) say(join(into, file.name));
};
