import { describe, expect, it } from "vitest";
import { RewrittenFrames } from "../../../src/engine/rewritten-frames.ts";

const FRAME = 7;

describe("patience with frames whose translations are lost to stores", () => {
  it("doubles with each loss, for that frame alone", () => {
    const frames = new RewrittenFrames();
    for (const patience of [2, 4, 8]) {
      frames.translated(FRAME);
      frames.rewritten(FRAME);
      expect(frames.patienceWith(FRAME)).toBe(patience);
    }
    expect(frames.patienceWith(FRAME + 1)).toBe(1);
  });

  it("does not double when code is translated again that no store has touched", () => {
    const frames = new RewrittenFrames();
    for (let turn = 0; turn < 5; turn++) frames.translated(FRAME);
    expect(frames.patienceWith(FRAME)).toBe(1);
  });

  it("takes all translations that are lost before the next one is made for one loss", () => {
    const frames = new RewrittenFrames();
    for (let one = 0; one < 5; one++) frames.translated(FRAME);
    for (let one = 0; one < 5; one++) frames.rewritten(FRAME);
    expect(frames.patienceWith(FRAME)).toBe(2);
  });

  it("has a bound, and ends when all code is forgotten", () => {
    const frames = new RewrittenFrames();
    for (let turn = 0; turn < 40; turn++) {
      frames.translated(FRAME);
      frames.rewritten(FRAME);
    }
    expect(frames.patienceWith(FRAME)).toBe(1024);
    frames.clear();
    expect(frames.patienceWith(FRAME)).toBe(1);
  });
});
