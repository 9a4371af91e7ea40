/** Bytes of a page that something was translated from. */
export interface CodeRange {
  /** Offset in the page. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Where code begins and ends, as offsets in CS. */
export interface CodeSpan {
  readonly at: number;
  readonly next: number;
}

/** The bytes that blocks were made from, as few ranges. `page` is their page's offset in CS, `host` its place in `memory`. */
export const rangesOf = (
  blocks: readonly CodeSpan[],
  page: number,
  memory: Uint8Array,
  host: number,
): readonly CodeRange[] => {
  const spans = blocks
    .map(({ at, next }) => ({ start: at - page, end: next - page }))
    .sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged.map(({ start, end }) => ({ start, bytes: memory.slice(host + start, host + end) }));
};
