import { describe, expect, it } from "vitest";
import {
  ACCESS,
  FRAME_WATCH,
  REFILL,
  REFILL_MAILBOX,
  TLB_ENTRY_BYTES,
  toLinearAddress,
  toMfn,
} from "../../src/index.ts";
import {
  createFakeMemory,
  createIdentityTranslator,
  createManualClock,
  MEMORY_LAWS,
  VIRTUAL_CLOCK_LAWS,
} from "../../src/testing/index.ts";

describe("fake memory", () => {
  it.each(MEMORY_LAWS)("$name", ({ check }) => check(createFakeMemory()));
});

describe("manual clock", () => {
  it.each(VIRTUAL_CLOCK_LAWS)("$name", ({ check }) => check(createManualClock()));
});

describe("identity translator", () => {
  const page5 = toLinearAddress(0x5000);

  it("fills an entry that leads to the same address", () => {
    const memory = createFakeMemory();
    const translator = createIdentityTranslator(memory);
    const tag = translator.activate(translator.space);
    expect(translator.refillActive(0x5123, ACCESS.read | ACCESS.user | ACCESS.narrow)).toBe(REFILL.filled);
    const entry = translator.tlb.read + 5 * TLB_ENTRY_BYTES;
    expect(memory.view.getBigInt64(entry, true)).toBe(BigInt(0x5000 | tag | 3));
    expect(memory.view.getUint32(entry + 8, true)).toBe(0);
  });

  it("answers a write to a watched frame directly and withdraws entries when a frame becomes watched", () => {
    const memory = createFakeMemory();
    const translator = createIdentityTranslator(memory);
    const entry = translator.tlb.write + 5 * TLB_ENTRY_BYTES;
    expect(translator.refillActive(0x5000, ACCESS.write)).toBe(REFILL.filled);
    memory.watch(toMfn(5), FRAME_WATCH.code);
    expect(memory.view.getBigInt64(entry, true)).toBe(-1n);
    expect(translator.refillActive(0x5004, ACCESS.write)).toBe(REFILL.direct);
    expect(memory.view.getUint32(translator.tlb.mailbox + REFILL_MAILBOX.hostAddress, true)).toBe(0x5004);
  });

  it("faults beyond RAM and on denied kinds of access", () => {
    const translator = createIdentityTranslator(createFakeMemory());
    translator.deny(5, ACCESS.write);
    expect(translator.refill(translator.space, page5, ACCESS.write)).toBe(REFILL.fault);
    expect(translator.refill(translator.space, page5, ACCESS.read)).toBe(REFILL.filled);
    expect(translator.probe(translator.space, page5, ACCESS.write)).toEqual({ mapped: false, errorCode: 1 });
    expect(translator.refill(translator.space, toLinearAddress(0x100_0000), ACCESS.read)).toBe(REFILL.fault);
  });
});
