import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import type { FrameDescription, TableEntry } from "../../src/index.ts";
import { createFixture, DOM1, DOM2, type Fixture, leadsTo, NOTHING, RO, RW } from "../support/fixture.ts";

const OWN = { domain: DOM1, mapped: DOM1 };

/** A change by small numbers: which table, which slot, which frame it is to lead to, with which flags. */
const change = fc.record({
  table: fc.nat(6),
  index: fc.oneof(fc.nat(12), fc.integer({ min: 424, max: 514 })),
  frame: fc.nat(24),
  flags: fc.constantFrom(
    0,
    PTE.present,
    RO,
    RW,
    RW | PTE.large,
    RO | PTE.global,
    RO | PTE.accessed,
    RW | PTE.dirty,
  ),
  preserve: fc.boolean(),
});
type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

interface Setting {
  readonly fixture: Fixture;
  readonly tables: readonly Mfn[];
  readonly targets: readonly Mfn[];
}

const setUp = (): Setting => {
  const fixture = createFixture({ frameCount: 128 });
  const space = fixture.buildSpace(DOM1, 6);
  const spare = fixture.take(DOM1, 4);
  const foreign = fixture.take(DOM2, 2);
  fixture.frames.pin(DOM1, space.root, 3);
  const tables = [space.root, ...space.level2, space.level1, spare[0] ?? space.root];
  return {
    fixture,
    tables,
    targets: [...tables, ...space.pages, ...spare, ...foreign, toMfn(127), toMfn(500)],
  };
};

const apply = (
  { fixture, tables, targets }: Setting,
  { table, index, frame, flags, preserve }: Change,
): number => {
  const entry = flags === 0 ? NOTHING : leadsTo(targets[frame % targets.length] ?? 0, flags);
  const how = { ...OWN, preserveAccessedDirty: preserve };
  return fixture.frames.updateEntry(tables[table] ?? toMfn(0), index, entry, how);
};

/** A frame as it matters: a type without uses means nothing. */
const stateOf = (frame: FrameDescription | null): unknown =>
  frame?.typeCount === 0 ? { ...frame, type: null, validated: null } : frame;

/** All that an update could change. */
const snapshot = ({ fixture, tables }: Setting): { frames: unknown[]; entries: TableEntry[] } => ({
  frames: Array.from({ length: 128 }, (_unused, frame) => stateOf(fixture.frames.describe(toMfn(frame)))),
  entries: tables.flatMap((table) =>
    Array.from({ length: 512 }, (_unused, index) => fixture.peek(table, index)),
  ),
});

describe("updates of page-table entries", () => {
  it("change nothing when they fail", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const setting = setUp();
        for (const step of changes) {
          const before = JSON.stringify(snapshot(setting));
          if (apply(setting, step) !== 0 && JSON.stringify(snapshot(setting)) !== before) return false;
        }
        return true;
      }),
      { numRuns: 25 },
    );
  });

  it("keep all laws, and leave nothing behind once the tables are gone", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const setting = setUp();
        const { frames } = setting.fixture;
        for (const step of changes) apply(setting, step);
        if (frames.checkInvariants().length > 0) return false;
        frames.unpin(DOM1, setting.tables[0] ?? toMfn(0));
        const isAtRest = frames.framesOf(DOM1).every((frame) => {
          const state = frames.describe(frame);
          return state?.count === 1 && state.typeCount === 0;
        });
        return isAtRest && frames.checkInvariants().length === 0;
      }),
      { numRuns: 100 },
    );
  });
});
