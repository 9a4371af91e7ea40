import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Linked, persistentMaps } from "../../src/store/persistent-map.ts";

interface Entry extends Linked<Entry> {
  readonly value: number;
}

const maps = persistentMaps<Entry>((entry, left, right, height) => ({ ...entry, left, right, height }));
const contentOf = (map: Entry | null): string =>
  JSON.stringify(maps.entries(map).map(({ name, value }) => [name, value]));

const name = fc.string({ maxLength: 2 });
const step = fc.record({ remove: fc.boolean(), name, value: fc.nat() });

const heightIsBalanced = (map: Entry | null): boolean =>
  map === null ||
  (Math.abs((map.left?.height ?? 0) - (map.right?.height ?? 0)) <= 1 &&
    heightIsBalanced(map.left) &&
    heightIsBalanced(map.right));

describe("a persistent map", () => {
  it("holds what a Map holds, in order of names, balanced, and earlier versions do not change", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Map<string, number>();
        let map: Entry | null = null;
        const versions: [Entry | null, string][] = [];
        for (const { remove, name, value } of steps) {
          if (remove) model.delete(name);
          else model.set(name, value);
          map = remove
            ? maps.delete(map, name)
            : maps.set(map, { name, value, left: null, right: null, height: 1 });
          versions.push([map, contentOf(map)]);
          expect(heightIsBalanced(map)).toBe(true);
        }
        for (const [name, value] of model) expect(maps.get(map, name)?.value).toBe(value);
        expect(maps.entries(map).map((entry) => entry.name)).toEqual([...model.keys()].sort());
        for (const [version, content] of versions) expect(contentOf(version)).toBe(content);
      }),
      { numRuns: 200 },
    );
  });
});
