import { ACCESS, type PagingContext, REFILL, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { ActiveSpaceRecord } from "../../src/active-space.ts";
import { generateFunctions } from "../../src/generated-refill.ts";
import { ReservedBits } from "../../src/reserved-bits.ts";
import { createSpace } from "../../src/space.ts";
import { SoftwareTlb } from "../../src/tlb.ts";
import { baseContext } from "../support/setup.ts";

const { read, write, execute, user, narrow } = ACCESS;

/** Present, writable, user, accessed, dirty. */
const FULL = 0x67;

/** Asks the generated refill; says whether it called for help. */
const setUp = (
  context: Partial<PagingContext>,
  words: Readonly<Record<number, number>>,
): ((at: number, access: number) => "filled" | "direct" | "fault" | "left") => {
  const memory = createFakeMemory({ frameCount: 2048 });
  for (const [at, word] of Object.entries(words)) memory.words[Number(at) / 4] = word;
  const tlb = new SoftwareTlb(memory);
  const record = new ActiveSpaceRecord(memory, new ReservedBits(36));
  const space = createSpace({ ...baseContext, ...context });
  space.tag = 5;
  record.write(space);
  let left = false;
  const { refill } = generateFunctions({ memory, tlb, activeSpaceOffset: record.offset }, () => {
    left = true;
    return REFILL.fault;
  });
  return (at, access) => {
    left = false;
    const result = refill(at, access);
    if (left) return "left";
    return result === REFILL.filled ? "filled" : result === REFILL.direct ? "direct" : "fault";
  };
};

/** Tables from frame 16 down that map linear page 3 (and, in long format, page -2^35) to frame 100. */
const twoLevel = { 65536: 0x1_1000 + FULL, 69644: 100 * 4096 + FULL };
const pae = { 65536: 0x1_1001, 69632: 0x1_2000 + FULL, 73752: 100 * 4096 + FULL };
const long = {
  65536: 0x1_1000 + FULL,
  69624: 0x1_1000 + FULL,
  69632: 0x1_2000 + FULL,
  73472: 0x1_2000 + FULL,
  73728: 0x1_3000 + FULL,
  77824: 100 * 4096 + FULL,
  77848: 100 * 4096 + FULL,
};

describe("the generated refill does without TypeScript", () => {
  it.each([
    ["two-level", twoLevel],
    ["pae", pae],
    ["long", long],
  ] as const)("for plain pages in %s tables", (format, words) => {
    const ask = setUp({ format, rootAddress: 0x1_0000 }, words);
    for (const access of [read, write, execute, read | user, write | user | narrow, execute | user]) {
      expect(ask(0x3456, access)).toBe("filled");
    }
  });

  it("for high addresses in long tables", () => {
    expect(setUp({ format: "long", rootAddress: 0x1_0000 }, long)(-(2 ** 35), read)).toBe("filled");
  });

  it("without paging", () => {
    expect(setUp({ format: "none" }, {})(0x12_3456, write | narrow)).toBe("filled");
  });
});

describe("the generated refill answers by itself", () => {
  const context = { format: "two-level", rootAddress: 0x1_0000 } as const;

  it.each([
    ["an entry that is not present", { 69644: 0 }, read, "fault"],
    ["an entry that was not accessed", { 69644: 100 * 4096 + 0x47 }, read, "filled"],
    ["a write to a page that is not dirty", { 69644: 100 * 4096 + 0x27 }, write, "filled"],
    ["a write to a page that is read-only", { 69644: 100 * 4096 + 0x65 }, write, "fault"],
    ["a page of the supervisor", { 69644: 100 * 4096 + 0x63 }, read | user, "fault"],
    ["a directory of the supervisor", { 65536: 0x1_1000 + 0x63 }, read | user, "fault"],
    ["a large page", { 65536: 0x40_0000 + FULL + 0x80 }, read, "filled"],
    ["a global page", { 69644: 100 * 4096 + FULL + 0x100 }, read, "filled"],
  ])("%s", (_name, words, access, answer) => {
    expect(setUp(context, { ...twoLevel, ...words })(0x3456, access)).toBe(answer);
  });

  it("addresses that are no addresses", () => {
    const ask = setUp({ format: "long", rootAddress: 0x1_0000 }, long);
    for (const at of [2 ** 47, -(2 ** 47) - 1, 2 ** 70, 2 ** 63]) expect(ask(at, read)).toBe("fault");
  });
});

describe("the generated refill leaves to TypeScript", () => {
  const context = { format: "two-level", rootAddress: 0x1_0000 } as const;

  it.each([
    ["a page outside RAM", { 69644: 0xf000_0000 + FULL }, read],
    ["a table outside RAM", { 65536: 0xf000_0000 + FULL }, read],
  ])("%s", (_name, words, access) => {
    expect(setUp(context, { ...twoLevel, ...words })(0x3456, access)).toBe("left");
  });

  it("what lies among overlays that are not one run of frames, and only that", () => {
    const overlays = [
      { start: toLinearAddress(0x5000), frames: [toMfn(1), toMfn(3)], writable: true, user: true },
    ];
    const ask = setUp({ format: "none", linearLimit: 0x1_0fff, overlays }, {});
    expect([0x4fff, 0x5000, 0x6fff, 0x7000, 0x1_0fff, 0x1_1000].map((at) => ask(at, read))).toEqual([
      "filled",
      "left",
      "left",
      "filled",
      "filled",
      "fault",
    ]);
  });
});

describe("the generated refill maps an overlay of consecutive frames", () => {
  const frames = [toMfn(4), toMfn(5)];
  const overlay = { start: toLinearAddress(0x5000), frames, writable: false, user: false };
  const ask = setUp({ format: "none", overlays: [overlay] }, {});

  it("as data, with its own rights", () => {
    expect([0x4fff, 0x5000, 0x6fff, 0x7000].map((at) => ask(at, read))).toEqual(
      Array.from({ length: 4 }, () => "filled"),
    );
    expect(ask(0x6000, write)).toBe("fault");
    expect(ask(0x6000, execute)).toBe("fault");
    expect(ask(0x6000, read | user)).toBe("fault");
  });
});
