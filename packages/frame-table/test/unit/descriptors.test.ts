import { EINVAL } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { checkDescriptor, FRAME_TYPE } from "../../src/index.ts";
import { createFixture, DOM1, first } from "../support/fixture.ts";

const FLAT_LOW = 0x0000_ffff;
/** Flat 4 GiB segments, present: code and data of a level. */
const code = (level: number): number => (0x00cf_9a00 | (level << 13)) >>> 0;
const data = (level: number): number => (0x00cf_9200 | (level << 13)) >>> 0;

describe("checkDescriptor", () => {
  it("lowers privilege to the guest kernel's ring: 1 on 32-bit widths, 3 on x86_64", () => {
    expect(checkDescriptor("x86_32p", FLAT_LOW, code(0))).toEqual({ low: FLAT_LOW, high: code(1) });
    expect(checkDescriptor("x86_32p", FLAT_LOW, data(3))).toEqual({ low: FLAT_LOW, high: data(3) });
    expect(checkDescriptor("x86_64", FLAT_LOW, code(1))).toEqual({ low: FLAT_LOW, high: code(3) });
  });

  it("lets anything stand that is not present", () => {
    expect(checkDescriptor("x86_32p", 0x1234_5678, 0xffff_7fff)).toEqual({
      low: 0x1234_5678,
      high: 0xffff_7fff,
    });
  });

  it("refuses 64-bit code in 32-bit guests, and system descriptors but call gates", () => {
    expect(checkDescriptor("x86_32p", FLAT_LOW, code(1) | 0x20_0000)).toBe(null);
    for (const type of [1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 15]) {
      expect(checkDescriptor("x86_32p", 0, 0x8000 | 0x6000 | (type << 8)), `type ${type}`).toBe(null);
    }
    expect(checkDescriptor("x86_32p", 0, 0x8000 | 0x6000)).toEqual({ low: 0, high: 0xe000 });
  });

  it("disarms call gates: DPL 0, the DPL kept in the selector, only to selectors a guest may use", () => {
    const gate = (selector: number) => checkDescriptor("x86_32p", (selector << 16) >>> 0, 0x1234_ec00);
    expect(gate(0xe019)).toEqual({ low: 0xe01b_0000, high: 0x1234_8c00 });
    expect(gate(0x0008)).toEqual({ low: 0x000b_0000, high: 0x1234_8c00 });
    expect(gate(0xe008)).toBe(null);
    expect(gate(0xe00c)).not.toBe(null);
    expect(checkDescriptor("x86_32p", 0x0008_0000, 0x1234_ec20)).toBe(null);
  });

  it("widens PAE guests' segments that reach the monitor's range, so that they see the M2P table", () => {
    const flat = { low: FLAT_LOW, high: code(1) };
    expect(checkDescriptor("x86_32p", 0x0000_67ff, code(1))).toEqual(flat);
    expect(checkDescriptor("x86_32p", 0x0000_5800, code(1))).toEqual(flat);
    expect(checkDescriptor("x86_32p", 0x0000_57ff, code(1))).toEqual({ low: 0x0000_57ff, high: code(1) });
    expect(checkDescriptor("x86_32p", 0x1000_67ff, code(1))).toEqual({ low: 0x1000_67ff, high: code(1) });
  });
});

describe("descriptor pages", () => {
  it("are checked and corrected as a whole, and cannot be mapped writable meanwhile", () => {
    const { frames, poke, peek, take } = createFixture();
    const frame = first(take(DOM1, 1));
    poke(frame, 2, { low: FLAT_LOW, high: code(0) });
    expect(frames.getPageAndType(frame, DOM1, FRAME_TYPE.descriptors)).toBe(0);
    expect(peek(frame, 2)).toEqual({ low: FLAT_LOW, high: code(1) });
    expect(frames.getPageAndType(frame, DOM1, FRAME_TYPE.writable)).toBe(-EINVAL);
    frames.putPageAndType(frame);
    expect(frames.getPageAndType(frame, DOM1, FRAME_TYPE.writable)).toBe(0);
    poke(frame, 5, { low: 0, high: 0x8b00 });
    frames.putPageAndType(frame);
    expect(frames.getPageAndType(frame, DOM1, FRAME_TYPE.descriptors)).toBe(-EINVAL);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("change by single descriptors, checked; so does any page of the guest's that can be writable", () => {
    const { frames, peek, take, buildSpace } = createFixture();
    const space = buildSpace(DOM1, 1);
    frames.pin(DOM1, space.root, 3);
    const frame = first(take(DOM1, 1));
    const update = (offset: number, high: number, target = frame) =>
      frames.updateDescriptor(DOM1, target, offset, FLAT_LOW, high);
    expect(update(16, data(0))).toBe(0);
    expect(peek(frame, 2)).toEqual({ low: FLAT_LOW, high: data(1) });
    frames.getPageAndType(frame, DOM1, FRAME_TYPE.descriptors);
    expect(update(24, code(1))).toBe(0);
    expect(frames.typeOf(frame)).toBe(FRAME_TYPE.descriptors);
    expect(update(4, code(1))).toBe(-EINVAL);
    expect(update(0, 0x8b00)).toBe(-EINVAL);
    expect(update(0, code(1), space.level1)).toBe(-EINVAL);
    expect(peek(frame, 3)).toEqual({ low: FLAT_LOW, high: code(1) });
  });
});
