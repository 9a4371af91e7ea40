import { readFileSync, writeFileSync } from "node:fs";
import { UsageError } from "./usage-error.ts";

/** Line behind which a document has the results of a benchmark. */
const beginOf = (benchmark: string): string => `<!-- results: written by pnpm bench ${benchmark} -->`;
const END = "<!-- end of results -->";

/** A document with other results of a benchmark in it. Null: it has no place for them. */
export const withResults = (document: string, benchmark: string, lines: readonly string[]): string | null => {
  const begin = document.indexOf(beginOf(benchmark));
  const end = document.indexOf(END, begin);
  if (begin < 0 || end < 0) return null;
  return `${document.slice(0, begin)}${beginOf(benchmark)}\n\n${lines.join("\n")}\n\n${document.slice(end)}`;
};

/**
 * Puts results of a benchmark into a document.
 * @throws UsageError when it has no place for them.
 */
export const writeResults = (file: string, benchmark: string, lines: readonly string[]): void => {
  const document = withResults(readFileSync(file, "utf8"), benchmark, lines);
  if (document === null) throw new UsageError(`--into ${file}: there is no line ${beginOf(benchmark)}`);
  writeFileSync(file, document);
};
