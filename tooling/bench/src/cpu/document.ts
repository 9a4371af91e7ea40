import { readFileSync, writeFileSync } from "node:fs";
import { UsageError } from "../usage-error.ts";

/** Lines between which a document's results stand. */
const BEGIN = "<!-- results: written by pnpm bench cpu -->";
const END = "<!-- end of results -->";

/** A document with other results in it. Null: it has no place for them. */
export const withResults = (document: string, lines: readonly string[]): string | null => {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) return null;
  return `${document.slice(0, begin)}${BEGIN}\n\n${lines.join("\n")}\n\n${document.slice(end)}`;
};

/**
 * Puts results into a document.
 * @throws UsageError when it has no place for them.
 */
export const writeResults = (file: string, lines: readonly string[]): void => {
  const document = withResults(readFileSync(file, "utf8"), lines);
  if (document === null) throw new UsageError(`--into ${file}: there is no line ${BEGIN}`);
  writeFileSync(file, document);
};
