import { ATTRIBUTE, FLAG, segmentHigh, segmentLow } from "@xenolith/x86-architecture";
import { FLAT_RING1_CS, FLAT_RING3_CS, FLAT_RING3_SS } from "@xenolith/xen-abi/arch-x86";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_set_gdt,
  __HYPERVISOR_set_trap_table,
  VMASST_TYPE_architectural_iopl,
} from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { encodeFrame32, handlerFlags32, type SavedState32 } from "../../src/delivery/frame-x86-32.ts";
import { isWithinLimit } from "../../src/delivery/segment-loading.ts";
import { act } from "../support/fake-processor.ts";
import { ARGUMENT, createHypervisorFixture, ENTRY, STACK_TOP } from "../support/hypervisor-fixture.ts";

const SAVED: SavedState32 = {
  instructionPointer: 0x1111,
  codeSelector: FLAT_RING3_CS,
  flags: FLAG.fixed | FLAG.if | FLAG.cf | FLAG.iopl,
  stackPointer: 0x2222,
  stackSelector: FLAT_RING3_SS,
  upcallMask: false,
  ioPrivilege: 0,
};
const NOTHING_ELSE = { errorCode: null, withStack: false, dataSelectors: null };

const words = (frame: Uint8Array): number[] => [...new Uint32Array(frame.buffer)];

describe("the frame of a 32-bit guest", () => {
  it("is eip, cs, eflags from the lowest address; IOPL is hidden", () => {
    expect(words(encodeFrame32(SAVED, NOTHING_ELSE))).toEqual([
      0x1111,
      FLAT_RING3_CS,
      FLAG.fixed | FLAG.if | FLAG.cf,
    ]);
  });

  it("has the error code below and the stack above", () => {
    const frame = encodeFrame32(SAVED, { ...NOTHING_ELSE, errorCode: 5, withStack: true });
    expect(words(frame)).toEqual([
      5,
      0x1111,
      FLAT_RING3_CS,
      FLAG.fixed | FLAG.if | FLAG.cf,
      0x2222,
      FLAT_RING3_SS,
    ]);
  });

  it("has the data selectors lowest of all", () => {
    const frame = encodeFrame32(SAVED, { ...NOTHING_ELSE, dataSelectors: [1, 2, 3, 4] });
    expect(words(frame).slice(0, 5)).toEqual([1, 2, 3, 4, 0x1111]);
  });

  it("shows the upcall mask in bit 16 of the CS word and as IF clear", () => {
    const [, cs, flags = 0] = words(encodeFrame32({ ...SAVED, upcallMask: true }, NOTHING_ELSE));
    expect(cs).toBe(FLAT_RING3_CS | 0x1_0000);
    expect(flags & FLAG.if).toBe(0);
  });

  it("shows the virtual IOPL where it is architectural", () => {
    const [, , flags = 0] = words(encodeFrame32({ ...SAVED, ioPrivilege: 2 }, NOTHING_ELSE));
    expect(flags & FLAG.iopl).toBe(0x2000);
    expect(VMASST_TYPE_architectural_iopl).toBe(4);
  });
});

it("a handler starts with TF, NT, RF and VM clear and IF set", () => {
  expect(handlerFlags32(0xffff_ffff)).toBe((0xffff_ffff & ~(FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm)) >>> 0);
  expect(handlerFlags32(2)).toBe(2 | FLAG.if);
});

describe("isWithinLimit", () => {
  const segment = (attributes: number, limit: number) => ({ selector: 0, base: 0, limit, attributes });
  const DATA = ATTRIBUTE.codeOrData | ATTRIBUTE.present | ATTRIBUTE.writable;

  it("of a segment that grows up is up to the limit", () => {
    expect(isWithinLimit(segment(DATA, 0xfff), 0xffc, 4)).toBe(true);
    expect(isWithinLimit(segment(DATA, 0xfff), 0xffd, 4)).toBe(false);
  });

  it("of a segment that grows down is above the limit", () => {
    const down = segment(DATA | ATTRIBUTE.expandDown | ATTRIBUTE.big, 0xfff);
    expect(isWithinLimit(down, 0x1000, 4)).toBe(true);
    expect(isWithinLimit(down, 0xfff, 4)).toBe(false);
    expect(isWithinLimit(down, 0xffff_fffd, 4)).toBe(false);
    expect(isWithinLimit(segment(DATA | ATTRIBUTE.expandDown, 0xfff), 0xfffd, 4)).toBe(false);
  });
});

describe("a stack segment with a base", () => {
  it("is where the frame goes", () => {
    const fixture = createHypervisorFixture();
    const guest = fixture.addGuest();
    guest.write(ARGUMENT, 6 | (FLAT_RING1_CS << 16), ENTRY, 0, 0);
    guest.call(__HYPERVISOR_set_trap_table, ARGUMENT);
    const { context } = guest.vcpu;
    context.setSegment(2, { ...context.segment(2), base: 0x1000 });
    context.instructionPointer = 0x1234;
    guest.perform(act.fault(6));
    expect(guest.read(STACK_TOP + 0x1000 - 12)).toBe(0x1234);
    expect(context.register(4)).toBe(STACK_TOP - 12);
  });
});

describe("the failsafe callback", () => {
  it("gets the selectors that could not be loaded again, after another guest has run", () => {
    const fixture = createHypervisorFixture();
    const guest = fixture.addGuest({ id: 1 });
    const other = fixture.addGuest({ id: 2 });
    guest.write(ARGUMENT, 1, FLAT_RING1_CS, ENTRY);
    guest.call(__HYPERVISOR_callback_op, 0, ARGUMENT);
    // A GDT of one page with a data segment of ring 1 in entry 1, which FS uses.
    const gdt = guest.frames[20] ?? 0;
    const attributes =
      ATTRIBUTE.present | ATTRIBUTE.codeOrData | ATTRIBUTE.writable | (1 << ATTRIBUTE.dplShift);
    const page = 20 * 4096;
    guest.write(page + 8, segmentLow(0, 0xf_ffff), segmentHigh(0, 0xf_ffff, attributes));
    guest.call(14, page, 0, 0, 0); // Unmapped, so that it can become a descriptor page.
    guest.write(ARGUMENT, gdt);
    expect(guest.call(__HYPERVISOR_set_gdt, ARGUMENT, 512)).toBe(0);
    expect(guest.vcpu.context.loadSegment(4, 0x09)).toBe(0);
    expect(guest.call(__HYPERVISOR_set_gdt, ARGUMENT, 0)).toBe(0);
    const stack = guest.vcpu.context.register(4);
    other.perform(act.work(1));
    guest.perform(act.work(1));
    expect(fixture.hypervisor.control.describe(guest.id)?.crash).toBeNull();
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY);
    expect(guest.vcpu.context.segment(4).selector).toBe(0);
    // ds, es, fs, gs, eip, cs, eflags
    expect(guest.vcpu.context.register(4)).toBe(stack - 28);
  });
});
