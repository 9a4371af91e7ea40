import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "@xenolith/scripts/repository.mjs";

/** A text file of the repository: tracked, or new and not ignored. */
export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

/** Every text file of the repository that git knows or would take. */
export function repositoryFiles(): SourceFile[] {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repositoryRoot,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const paths = [...new Set(list.split("\0"))].filter(
    (path) => path !== "" && existsSync(join(repositoryRoot, path)),
  );
  return paths
    .map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

/** Those in a programming language, of which most house rules speak. */
export function isCode({ path }: SourceFile): boolean {
  return /\.(?:ts|mjs|c|h|S)$/.test(path);
}

/** `path:line` of an offset in a file. */
export function place(file: SourceFile, offset: number): string {
  return `${file.path}:${file.text.slice(0, offset).split("\n").length}`;
}
