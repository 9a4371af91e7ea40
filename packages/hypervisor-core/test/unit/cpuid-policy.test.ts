import { describe, expect, it } from "vitest";
import { createCpuidPolicy, identityAnswers } from "../../src/emulation/cpuid-policy.ts";

const ALL = 0xffff_ffff;
/** A processor that claims everything, up to leaf 0x20 and 0x8000_0020. */
const policy = createCpuidPolicy((leaf) =>
  leaf === 0 ? [0x20, 1, 2, 3] : leaf === 0x8000_0000 ? [0x8000_0020, 4, 5, 6] : [ALL, ALL, ALL, ALL],
);
const PAE = { width: "x86_32p", vcpu: 0 } as const;
const WIDE = { width: "x86_64", vcpu: 3 } as const;
const bit = (word: number | undefined, number: number): number => ((word ?? 0) >>> number) & 1;

describe("the CPUID policy", () => {
  it("ends the basic leaves at 7 and the extended ones at 8, and has nothing beyond or between", () => {
    expect(policy(PAE, 0, 0)).toEqual([7, 1, 2, 3]);
    expect(policy(PAE, 0x8000_0000, 0)).toEqual([0x8000_0008, 4, 5, 6]);
    for (const leaf of [8, 0xd, 0x3fff_ffff, 0x4000_0006, 0x8000_0009, ALL])
      expect(policy(PAE, leaf, 0)).toEqual([0, 0, 0, 0]);
  });

  it("hides the monitor's features and shows that there is a hypervisor", () => {
    const [, , ecx, edx] = policy(PAE, 1, 0);
    for (const hidden of [1, 3, 7, 9, 11, 12, 13, 14, 17]) expect(bit(edx, hidden)).toBe(0);
    for (const shown of [0, 4, 6, 8, 15, 24, 25, 26]) expect(bit(edx, shown)).toBe(1);
    expect(bit(ecx, 31)).toBe(1);
    // VMX, XSAVE, OSXSAVE, AVX
    for (const hidden of [5, 26, 27, 28]) expect(bit(ecx, hidden)).toBe(0);
  });

  it("shows long mode and SYSCALL to 64-bit guests only", () => {
    for (const feature of [11, 29]) {
      expect(bit(policy(PAE, 0x8000_0001, 0)[3], feature)).toBe(0);
      expect(bit(policy(WIDE, 0x8000_0001, 0)[3], feature)).toBe(1);
    }
    expect(bit(policy(PAE, 0x8000_0001, 0)[3], 20)).toBe(1);
  });

  it("gives each VCPU its own initial APIC identifier", () => {
    expect((policy(WIDE, 1, 0)[1] ?? 0) >>> 24).toBe(6);
  });

  it("never claims what the processor does not have", () => {
    const bare = createCpuidPolicy((leaf) => (leaf === 0 ? [7, 0, 0, 0] : [0, 0, 0, 0]));
    expect(bare(PAE, 1, 0)).toEqual([0, 0, 0x8000_0000, 0]);
    expect(bare(PAE, 7, 0)).toEqual([0, 0, 0, 0]);
  });

  it("lists the answers of a leaf: one where subleaves make no difference, else those of the first", () => {
    // Leaves for which the manual has subleaves.
    const varied = createCpuidPolicy((leaf, subleaf) =>
      leaf === 0 ? [0x20, 1, 2, 3] : [leaf, [4, 7, 11, 13].includes(leaf) ? subleaf : 0, ALL, ALL],
    );
    for (let index = 0; index < 64; index++) {
      const leaf = index < 32 ? index : 0x8000_0000 + index - 32;
      const answers = identityAnswers(varied, WIDE, leaf);
      for (const subleaf of [0, 1, 7, 8, 0x1_0000]) {
        const known = answers.length === 1 ? answers[0] : answers[subleaf];
        if (known !== undefined) expect(varied(WIDE, leaf, subleaf)).toEqual(known);
        else expect(subleaf).toBeGreaterThan(7);
      }
    }
  });

  it("has five leaves of Xen's", () => {
    expect(policy(PAE, 0x4000_0000, 0)[0]).toBe(0x4000_0005);
    expect(policy(PAE, 0x4000_0001, 0)[0]).toBe(0x0004_0011);
    // One hypercall page, filled by writing this register.
    expect(policy(PAE, 0x4000_0002, 0).slice(0, 2)).toEqual([1, 0x4000_0000]);
    // The time-stamp counter counts nanoseconds.
    expect(policy(PAE, 0x4000_0003, 0)[2]).toBe(1_000_000);
  });
});
