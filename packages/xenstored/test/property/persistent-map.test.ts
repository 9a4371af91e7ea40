import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mapDelete, mapEntries, mapGet, mapSet, type PersistentMap } from "../../src/store/persistent-map.ts";

const key = fc.string({ maxLength: 2 });
const step = fc.record({ remove: fc.boolean(), key, value: fc.nat() });

const heightIsBalanced = (map: PersistentMap<number>): boolean =>
  map === null ||
  (Math.abs((map.left?.height ?? 0) - (map.right?.height ?? 0)) <= 1 &&
    heightIsBalanced(map.left) &&
    heightIsBalanced(map.right));

describe("a persistent map", () => {
  it("holds what a Map holds, in order of keys, balanced, and earlier versions do not change", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Map<string, number>();
        let map: PersistentMap<number> = null;
        const versions: [PersistentMap<number>, string][] = [];
        for (const { remove, key: name, value } of steps) {
          if (remove) model.delete(name);
          else model.set(name, value);
          map = remove ? mapDelete(map, name) : mapSet(map, name, value);
          versions.push([map, JSON.stringify(mapEntries(map).map((entry) => [entry.key, entry.value]))]);
          expect(heightIsBalanced(map)).toBe(true);
        }
        for (const [name, value] of model) expect(mapGet(map, name)).toBe(value);
        expect(mapEntries(map).map((entry) => entry.key)).toEqual([...model.keys()].sort());
        for (const [version, content] of versions) {
          expect(JSON.stringify(mapEntries(version).map((entry) => [entry.key, entry.value]))).toBe(content);
        }
      }),
      { numRuns: 200 },
    );
  });
});
