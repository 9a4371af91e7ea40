import type { SourceFile } from "./sources.ts";
import { place } from "./sources.ts";

/** A reference to a specification found in a comment. */
export interface Citation {
  readonly id: string;
  /** Where it stands, as `path:line`. */
  readonly at: string;
}

// An id, then a section, or a header, or an edition and a header.
const citation = /\[([A-Z][A-Z0-9]{1,11})(?:-\d[\w.]*|\s+§?\d[\d.]*|(?:-[\d.]+)?\s+[\w/-]+\.h)\b[^\]\n]*\]/g;

const comment = /\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/[^\n]*/g;

/** Citations in a file's comments. */
export function citations(file: SourceFile): Citation[] {
  return [...file.text.matchAll(comment)].flatMap((block) =>
    [...block[0].matchAll(citation)].map((match) => ({
      id: match[1] ?? "",
      at: place(file, block.index + match.index),
    })),
  );
}

/** Ids that docs/specs.md defines: the first column of its table. */
export function knownIds(specs: string): Set<string> {
  return new Set([...specs.matchAll(/^\|\s*([A-Z][A-Z0-9]+)\s*\|/gm)].map((match) => match[1] ?? ""));
}
