import {
  ACCESS,
  type PagingContext,
  type PagingFormat,
  toLinearAddress,
  toMfn,
} from "@xenolith/machine-interface";
import fc from "fast-check";
import { baseContext } from "./setup.ts";

/** Frames that hold tables; what entries point to is among them, in RAM beside them, or nowhere. */
const TABLE_FRAMES = 8;
const RAM_FRAMES = 64;

/** Memory full of entries, a context over it, and accesses. */
export interface Scene {
  readonly seed: number;
  readonly context: PagingContext;
  readonly accesses: readonly { readonly at: number; readonly access: number }[];
  readonly watched: readonly number[];
}

const format = fc.constantFrom<PagingFormat>("none", "two-level", "pae", "long");

/** Addresses whose indices are small at every level, so that they meet; and any others. */
const narrowAddress = fc.oneof(
  fc.nat(0xffff),
  fc.tuple(fc.nat(3), fc.nat(3), fc.nat(15)).map(([a, b, c]) => a * 2 ** 30 + b * 2 ** 22 + c * 4096 + 8),
  fc.nat(0xffff_ffff),
);
const wideAddress = fc.oneof(
  narrowAddress,
  fc.tuple(fc.integer({ min: -2, max: 1 }), narrowAddress).map(([page, low]) => page * 2 ** 39 + low),
  fc.double({ noNaN: true, min: -(2 ** 53), max: 2 ** 53 }).map(Math.floor),
);

const overlay = fc.record({
  start: fc.nat(8).map((page) => toLinearAddress(page * 4096)),
  frames: fc.array(fc.constantFrom(toMfn(9), toMfn(10), toMfn(5000)), { maxLength: 3 }),
  writable: fc.boolean(),
  user: fc.boolean(),
});

const flags = fc.record({
  writeProtect: fc.boolean(),
  noExecute: fc.boolean(),
  largePages: fc.boolean(),
  hugePages: fc.boolean(),
  globalPages: fc.boolean(),
  supervisorExecutionPrevention: fc.boolean(),
});

/** A root entry of PAE: to a table, to none, or with reserved bits. */
const rootEntry = fc
  .tuple(fc.constantFrom(1, 1, 1, 0, 0x1e7), fc.nat(TABLE_FRAMES), fc.constantFrom(0n, 0n, 0n, 1n << 63n))
  .map(([bits, frame, high]) => BigInt(frame * 4096 + bits) | high);

/** Any scene. */
export const scene: fc.Arbitrary<Scene> = format.chain((chosen) =>
  fc.record({
    seed: fc.nat(0xffff_ffff),
    context: fc
      .tuple(
        flags,
        fc.constantFrom(0, 0x1000, 0x2020, 0xffff_f000),
        fc.constantFrom(null, 0xffff, 0xffff_ffff),
        fc.array(overlay, { maxLength: 2 }),
        fc.option(fc.array(rootEntry, { minLength: 4, maxLength: 4 })),
      )
      .map(([bits, rootAddress, linearLimit, overlays, rootEntries]) => ({
        ...baseContext,
        ...bits,
        format: chosen,
        rootAddress,
        linearLimit,
        overlays,
        ...(rootEntries === null ? {} : { rootEntries }),
      })),
    accesses: fc.array(
      fc
        .tuple(chosen === "long" ? wideAddress : narrowAddress, fc.nat(2), fc.constantFrom(0, ACCESS.user))
        .map(([at, kind, user]) => ({ at, access: kind | user | (chosen === "long" ? 0 : ACCESS.narrow) })),
      { minLength: 1, maxLength: 12 },
    ),
    watched: fc.array(fc.nat(RAM_FRAMES - 1), { maxLength: 4 }),
  }),
);

/**
 * Fills the tables: entries mostly present, open and used, to frames with tables, without, or outside RAM; some large.
 * @param wide - whether entries have 8 bytes
 */
export const fillTables = (words: Uint32Array, seed: number, wide: boolean): void => {
  let state = seed | 1;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const oneIn = (count: number): boolean => random() % count === 0;
  const entryFrame = (isLarge: boolean): number => {
    if (oneIn(24)) return random() % 0x10_0000;
    if (isLarge) return 0;
    return random() % (oneIn(4) ? RAM_FRAMES : TABLE_FRAMES);
  };
  const step = wide ? 2 : 1;
  for (let i = 0; i < TABLE_FRAMES * 1024; i += step) {
    const isLarge = oneIn(10);
    const flags = oneIn(8) ? random() & 0xfff : 0x27 | (random() & 0x140) | (isLarge ? 0x80 : 0);
    words[i] = entryFrame(isLarge) * 4096 + flags;
    if (wide) words[i + 1] = oneIn(12) ? 0x8000_0000 : oneIn(30) ? random() : 0;
  }
};
