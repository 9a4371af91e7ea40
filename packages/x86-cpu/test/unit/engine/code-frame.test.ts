import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { CodeSpot } from "../../../src/engine/block.ts";
import { CodeFrame } from "../../../src/engine/code-frame.ts";
import { DecodedChunks } from "../../../src/engine/decoded-chunks.ts";

const createFrame = (): CodeFrame =>
  new CodeFrame(3, 0, new DecodedChunks(createFakeMemory({ frameCount: 4, reserveBytes: 4096 })));

describe("the spots of a frame's code", () => {
  it("are found by mode and all bits of the offset in CS", () => {
    const frame = createFrame();
    const places = [0, 0x1000, 0x8000_0000, -0x8000_0000, 0xffff_ffff, -1, 2 ** 32, 2 ** 46 + 1, -(2 ** 46)];
    const all = places.flatMap((at) => [1, 2].map((mode) => ({ at, mode })));
    const spots = all.map(({ at, mode }) => frame.spotFor(mode, at));
    expect(new Set(spots).size).toBe(all.length);
    expect(all.map(({ at, mode }) => frame.spot(mode, at))).toEqual(spots);
    expect(spots.map(({ instructionPointer, mode }) => ({ at: instructionPointer, mode }))).toEqual(all);
    expect(frame.spot(3, 0)).toBeNull();
    expect(frame.spot(1, 0x2000)).toBeNull();
  });

  it("are too many for one frame sooner than a guest has mapped it everywhere, and few once they are forgotten", () => {
    const frame = createFrame();
    let mappings = 0;
    while (!frame.isCrowded && mappings < 0x1_0000) frame.spotFor(1, 0x1000 * mappings++);
    expect(frame.isCrowded).toBe(true);
    expect(mappings).toBeGreaterThan(1000);
    frame.clearSpots();
    expect(frame.isCrowded).toBe(false);
    expect(frame.spot(1, 0)).toBeNull();
  });
});

describe("the links to a spot", () => {
  it("are at most twice as many as lie in blocks that are not gone, or a handful", () => {
    const needed = 100;
    const spot = new CodeSpot(0, 0x1000, null);
    for (let field = 0; field < 100_000; field++) spot.addLink(field, (one) => one <= field - needed);
    expect(spot.links?.length).toBeLessThanOrEqual(4 * needed);
    expect(spot.links?.slice(-needed)).toEqual(
      Array.from({ length: needed }, (_, n) => 100_000 - needed + n),
    );
  });

  it("all stay while their blocks do", () => {
    const spot = new CodeSpot(0, 0x1000, null);
    for (let field = 0; field < 1000; field++) spot.addLink(field, () => false);
    expect(spot.links).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });
});
