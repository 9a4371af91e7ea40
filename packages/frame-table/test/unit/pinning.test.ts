import { toMfn } from "@xenolith/machine-interface";
import { EBUSY, EINVAL } from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { FRAME_TYPE } from "../../src/index.ts";
import {
  createFixture,
  DOM1,
  DOM2,
  type Fixture,
  first,
  leadsTo,
  RO,
  type Space,
} from "../support/fixture.ts";

describe("pin", () => {
  let fixture: Fixture;
  let space: Space;
  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 4);
  });

  it("validates from the top down, and unpinning lets everything go again", () => {
    const { frames } = fixture;
    expect(frames.pin(DOM1, space.root, 3)).toBe(0);
    expect(frames.describe(space.root)).toMatchObject({ pinned: true, typeCount: 1, count: 2 });
    expect(space.level2.map((table) => frames.levelOf(table))).toEqual([2, 2, 2, 2]);
    expect(frames.levelOf(space.level1)).toBe(1);
    expect(space.pages.map((page) => frames.typeOf(page))).toEqual(Array(4).fill(FRAME_TYPE.writable));
    expect(frames.checkInvariants()).toEqual([]);

    expect(frames.unpin(DOM1, space.root)).toBe(0);
    for (const frame of [space.root, ...space.level2, space.level1, ...space.pages]) {
      expect(frames.describe(frame)).toMatchObject({ typeCount: 0, count: 1, pinned: false });
    }
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("counts once: a second pin is -EINVAL, and so is unpinning what is not pinned", () => {
    const { frames } = fixture;
    frames.pin(DOM1, space.root, 3);
    expect(frames.pin(DOM1, space.root, 3)).toBe(-EINVAL);
    expect(frames.describe(space.root)).toMatchObject({ typeCount: 1, count: 2 });
    expect(frames.unpin(DOM1, space.level1)).toBe(-EINVAL);
    expect(frames.unpin(DOM1, toMfn(511_000))).toBe(-EINVAL);
  });

  it("keeps tables alive that no upper table leads to any more", () => {
    const { frames } = fixture;
    frames.pin(DOM1, space.root, 3);
    expect(frames.pin(DOM1, space.level1, 1)).toBe(0);
    frames.unpin(DOM1, space.root);
    expect(frames.levelOf(space.level1)).toBe(1);
    expect(frames.levelOf(space.root)).toBe(0);
  });

  it("refuses frames of others, another level than the frame is used at, and frames mapped writable", () => {
    const { frames } = fixture;
    expect(frames.pin(DOM2, space.root, 3)).toBe(-EINVAL);
    frames.pin(DOM1, space.root, 3);
    expect(frames.pin(DOM1, space.level1, 2)).toBe(-EINVAL);
    expect(frames.pin(DOM1, first(space.pages), 1)).toBe(-EINVAL);
  });

  it("gives the errno of the entry that is wrong", () => {
    fixture.poke(space.level1, 0, leadsTo(first(fixture.take(DOM2, 1)), RO));
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(-EBUSY);
    fixture.poke(space.level1, 0, leadsTo(first(space.pages), RO | 0x10));
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(-EINVAL);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("ignores levels that the width does not have", () => {
    expect(fixture.frames.pin(DOM1, space.root, 4)).toBe(0);
    expect(fixture.frames.describe(space.root)).toMatchObject({ pinned: false, typeCount: 0 });
  });

  it("counts the entries it looks at", () => {
    const before = fixture.frames.work;
    fixture.frames.pin(DOM1, space.root, 3);
    expect(fixture.frames.work - before).toBe(4 + 4 * 512 + 512);
  });
});
