import { ACCESS, type PagingContext, type PagingFormat, toLinearAddress } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { judge, type OracleCase } from "../support/oracle.ts";
import { type Bench, baseContext, createBench, type EntryBits, openEntry } from "../support/setup.ts";

/** Frames of the tables, root first, then of the page. The last is the first of a large page as well. */
const TABLE_FRAMES = [16, 17, 18, 19];
const PAGE_FRAME = 2048;
const ACCESSED = 0x20;
const DIRTY = 0x40;

/** An address whose index is not 0 at any level, by format. */
const ADDRESS: Record<Exclude<PagingFormat, "none">, number> = {
  "two-level": 0x8040_3123,
  pae: 0x8040_3123,
  long: 0x1234_8040_3123,
};

const SHAPE = {
  "two-level": { levels: 2, bytes: 4, bits: 10 },
  pae: { levels: 3, bytes: 8, bits: 9 },
  long: { levels: 4, bytes: 8, bits: 9 },
};

type Format = keyof typeof ADDRESS;

const pagesOfLarge = (format: Format): number => 2 ** SHAPE[format].bits;

/** Machine address of the entry at a depth (0 is the root). */
const entryAddress = (format: Format, depth: number): number => {
  const { levels, bytes, bits } = SHAPE[format];
  const shift = 12 + bits * (levels - 1 - depth);
  const index = Math.floor(ADDRESS[format] / 2 ** shift) % 2 ** bits;
  return (TABLE_FRAMES[depth] ?? 0) * 4096 + index * bytes;
};

/** Whether the entry at a depth is the one that may map a large page. */
const isDirectory = (format: Format, depth: number): boolean => depth === SHAPE[format].levels - 2;

/** Whether an entry is one that has no accessed bit. */
const isPaeRoot = (format: Format, depth: number): boolean => format === "pae" && depth === 0;

/** Turns a description into the words of an entry. */
const encode = (
  context: PagingContext,
  format: Format,
  depth: number,
  entry: EntryBits,
): [number, number] => {
  const isLast = depth === SHAPE[format].levels - 1;
  const mapsLarge =
    isDirectory(format, depth) && entry.large && (format !== "two-level" || context.largePages);
  const frame = isLast || mapsLarge ? PAGE_FRAME : (TABLE_FRAMES[depth + 1] ?? 0);
  let low = frame * 4096;
  if (entry.present) low |= 1;
  if (entry.writable) low |= 2;
  if (entry.user) low |= 4;
  if (entry.large && isDirectory(format, depth)) low |= 0x80;
  if (entry.reserved && format === "two-level") low |= mapsLarge ? 1 << 21 : 0;
  const high = (entry.noExecute ? 0x8000_0000 : 0) | (entry.reserved && format !== "two-level" ? 1 << 4 : 0);
  return [low >>> 0, high >>> 0];
};

const writeTables = (
  bench: Bench,
  context: PagingContext,
  format: Format,
  entries: readonly EntryBits[],
  preset: number,
): void => {
  for (const [depth, entry] of entries.entries()) {
    const [low, high] = encode(context, format, depth, entry);
    const at = entryAddress(format, depth) / 4;
    bench.memory.words[at] = isPaeRoot(format, depth) ? low : low | preset;
    if (format !== "two-level") bench.memory.words[at + 1] = high;
  }
};

const accesses = [0, 1, 2].flatMap((kind) => [kind, kind | ACCESS.user]);

const flagsFrom = (bits: number, names: readonly (keyof EntryBits)[]): EntryBits => ({
  ...openEntry,
  ...Object.fromEntries(names.map((name, i) => [name, ((bits >> i) & 1) === 1])),
});

const every = (names: readonly (keyof EntryBits)[]): EntryBits[] =>
  Array.from({ length: 2 ** names.length }, (_, bits) => flagsFrom(bits, names));

const contexts = (format: Format): PagingContext[] =>
  Array.from({ length: 16 }, (_, bits) => ({
    ...baseContext,
    format,
    rootAddress: (TABLE_FRAMES[0] ?? 0) * 4096,
    writeProtect: (bits & 1) !== 0,
    supervisorExecutionPrevention: (bits & 2) !== 0,
    noExecute: (bits & 4) !== 0,
    largePages: (bits & 8) !== 0,
  })).filter(({ largePages }) => largePages || format === "two-level");

/** A way to ask, and the accessed and dirty bits that entries start with. */
interface Way {
  readonly name: string;
  readonly ask: "active" | "reference";
  readonly preset: number;
}

/** With all bits set the generated walker can do without the one in TypeScript. */
const WAYS: readonly Way[] = [
  { name: "refill in TypeScript", ask: "reference", preset: 0 },
  { name: "generated refill, bits clear", ask: "active", preset: 0 },
  { name: "generated refill, bits set", ask: "active", preset: ACCESSED | DIRTY },
];

/** Compares one case with the oracle. Plain comparisons: there are hundreds of thousands of cases. */
const check = (bench: Bench, format: Format, testCase: OracleCase, { ask, preset }: Way): string | null => {
  const { context, entries, access } = testCase;
  const narrow = format === "long" ? 0 : ACCESS.narrow;
  const at = ADDRESS[format];
  writeTables(bench, context, format, entries, preset);
  const verdict = judge(testCase);
  const probed = bench.translator.probe(bench.space, toLinearAddress(at), access | narrow);
  const got = bench[ask](at, access | narrow);
  const wrong: string[] = [];
  if ("errorCode" in verdict) {
    if (got.result !== "fault" || got.errorCode !== verdict.errorCode || got.address !== at)
      wrong.push("answer");
    if (probed.mapped || probed.errorCode !== verdict.errorCode) wrong.push("probe");
  } else {
    const large = verdict.used < entries.length;
    const offset = large ? at % (pagesOfLarge(format) * 4096) : at % 4096;
    if (got.result !== "filled" || got.hostAddress !== PAGE_FRAME * 4096 + offset) wrong.push("answer");
    if (!probed.mapped || probed.frame !== Math.floor((PAGE_FRAME * 4096 + offset) / 4096))
      wrong.push("probe");
  }
  for (let depth = 0; depth < entries.length; depth++) {
    const low = bench.memory.words[entryAddress(format, depth) / 4] ?? 0;
    const used = "used" in verdict && depth < verdict.used && !isPaeRoot(format, depth);
    const isLast = "used" in verdict && depth === verdict.used - 1;
    const isWrite = (access & ACCESS.kindMask) === ACCESS.write;
    const before = isPaeRoot(format, depth) ? 0 : preset;
    const wanted = before | (used ? ACCESSED : 0) | (isLast && isWrite ? DIRTY : 0);
    if ((low & (ACCESSED | DIRTY)) !== wanted) wrong.push(`accessed or dirty at depth ${depth}`);
  }
  return wrong.length === 0
    ? null
    : `${wrong.join(", ")}: ${JSON.stringify({ testCase, verdict, got, probed })}`;
};

const run = (format: Format, entryLists: Iterable<readonly EntryBits[]>, way: Way): number => {
  const bench = createBench();
  const lists = [...entryLists];
  let cases = 0;
  for (const context of contexts(format)) {
    bench.setContext(context);
    for (const entries of lists) {
      for (const access of accesses) {
        const problem = check(bench, format, { context, entries, access }, way);
        if (problem !== null) expect.fail(problem);
        cases++;
      }
    }
  }
  return cases;
};

const product = (...sets: readonly (readonly EntryBits[])[]): EntryBits[][] =>
  sets.reduce<EntryBits[][]>(
    (lists, set) => lists.flatMap((list) => set.map((entry) => [...list, entry])),
    [[]],
  );

const ALL = ["present", "writable", "user", "noExecute", "reserved"] as const;

describe.each(WAYS)("every combination of permissions: $name", (way) => {
  it("two-level", () => {
    const lists = product(
      every(["present", "writable", "user", "reserved", "large"]),
      every(["present", "writable", "user"]),
    );
    expect(run("two-level", lists, way)).toBe(16 * 256 * 6);
  });

  it("PAE", () => {
    const lists = product(every(["present", "noExecute", "reserved"]), every([...ALL, "large"]), every(ALL));
    expect(run("pae", lists, way)).toBe(8 * 8 * 64 * 32 * 6);
  });

  it("long", () => {
    const lists = [
      ...product([openEntry], [openEntry], every([...ALL, "large"]), every(ALL)),
      ...product(every(ALL), every(ALL), [openEntry], [openEntry]),
    ];
    expect(run("long", lists, way)).toBe(8 * (64 * 32 + 32 * 32) * 6);
  });
});
