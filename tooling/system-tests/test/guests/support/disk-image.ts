import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that a test may fill, and a function that removes it. */
export const scratchFolder = (): { readonly path: string; readonly remove: () => void } => {
  const path = mkdtempSync(join(tmpdir(), "xenolith-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

/** Makes an image of `sizeMiB` with these files, by e2fsprogs. @returns its path. */
export const makeImage = (
  type: "ext2" | "ext4",
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  sizeMiB = 8,
  name = "disk",
): string => {
  const root = join(folder, `${name}.root`);
  mkdirSync(root, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const image = join(folder, `${name}.img`);
  execFileSync("mke2fs", ["-q", "-t", type, "-d", root, image, `${sizeMiB}M`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return image;
};

/** Looks at the file system of an image without changing it, by e2fsprogs. @returns what is wrong with it, or null. */
export const checkImage = (image: string): string | null => {
  const result = spawnSync("e2fsck", ["-f", "-n", image], { encoding: "utf8" });
  return result.status === 0 ? null : `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ?? ""}`;
};
