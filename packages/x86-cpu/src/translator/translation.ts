import type { CodeRange } from "./code-range.ts";

/** What one region is a translation of. */
export interface TranslatedRegion {
  /** Offset in CS of the page. */
  readonly page: number;
  /** Offset in CS of each entry, in the order of their numbers. */
  readonly entries: readonly number[];
  /** Entries that were asked for: what a larger region must keep. */
  readonly roots: readonly number[];
  /** Whether its only root is a block to which a jump leads back. */
  readonly isLoop: boolean;
  /** Offsets in the page at which its blocks begin. */
  readonly blocks: readonly number[];
  readonly ranges: readonly CodeRange[];
}

/** One region as a function in the table. Immutable but for its users. */
export interface Translation extends TranslatedRegion {
  /** Number of the function in the table, from 1. */
  readonly slot: number;
  /** Number of the mode. */
  readonly mode: number;
}

/** Whether a region was made from a byte of its page. */
export const holdsByte = ({ ranges }: TranslatedRegion, offset: number): boolean =>
  ranges.some(({ start, bytes }) => offset >= start && offset < start + bytes.length);

/** Whether a translation was made from any of `lengthBytes` bytes of its page. */
export const coversBytes = (translation: Translation, offset: number, lengthBytes: number): boolean =>
  translation.ranges.some(
    ({ start, bytes }) => offset < start + bytes.length && offset + lengthBytes > start,
  );

/** Whether the page that begins at `host` holds the bytes that a region was translated from. */
export const isTranslationOf = ({ ranges }: TranslatedRegion, memory: Uint8Array, host: number): boolean =>
  ranges.every(({ start, bytes }) => {
    const at = host + start;
    for (let index = 0; index < bytes.length; index++) if (memory[at + index] !== bytes[index]) return false;
    return true;
  });
