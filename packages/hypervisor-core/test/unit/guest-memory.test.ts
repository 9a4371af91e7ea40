import { FRAME_WATCH, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createGuestMemory, isGuestRange } from "../../src/guest-memory.ts";

const fixture = () => {
  const memory = createFakeMemory({ frameCount: 16 });
  const translator = createIdentityTranslator(memory);
  const guest = createGuestMemory({ memory, translator, width: "x86_32p", space: () => translator.space });
  return { memory, translator, guest };
};

describe("isGuestRange", () => {
  it.each([
    ["x86_32p", 0xf57f_fffc, 4, true],
    ["x86_32p", 0xf57f_fffd, 4, false],
    ["x86_32p", 0xf580_0000, 0, true],
    ["x86_32p", 0xf580_0000, 1, false],
    ["x86_32p", 0xffff_ffff, 2, false],
    ["x86_32p", -1, 1, false],
    ["x86_32", 0xfbff_ffff, 1, true],
    ["x86_32", 0xfc00_0000, 1, false],
    ["x86_64", 0x7fff_ffff_ffff, 1, true],
    ["x86_64", 0x7fff_ffff_ffff, 2, false],
    ["x86_64", -0x8000_0000_0000, 1, false],
    ["x86_64", -0x7800_0000_0001, 1, false],
    ["x86_64", -0x7800_0000_0000, 1, true],
    ["x86_64", -8, 8, true],
    ["x86_64", -8, 9, false],
    ["x86_64", 2 ** 60, 1, false],
    ["x86_32p", 0.5, 1, false],
    ["x86_32p", 0, -1, false],
    ["x86_32p", 0, Number.NaN, false],
  ] as const)("%s: %d bytes at %d is %s", (width, address, length, allowed) => {
    expect(isGuestRange(width, address, length)).toBe(allowed);
  });
});

describe("guest memory", () => {
  it("reads a copy: a later store of the guest does not change it", () => {
    const { memory, guest } = fixture();
    memory.view.setUint32(0x1000, 42, true);
    const copy = guest.read(0x1000, 4);
    memory.view.setUint32(0x1000, 43, true);
    expect(copy?.getUint32(0, true)).toBe(42);
  });

  it("crosses pages, and does nothing behind the first page that is missing", () => {
    const { memory, translator, guest } = fixture();
    expect(guest.copyTo(2 * PAGE_SIZE - 2, Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect([...memory.bytes.subarray(2 * PAGE_SIZE - 2, 2 * PAGE_SIZE + 2)]).toEqual([1, 2, 3, 4]);
    translator.deny(4, 1);
    expect(guest.copyTo(4 * PAGE_SIZE - 2, Uint8Array.of(1, 2, 3, 4))).toBe(false);
    expect(guest.fault).toMatchObject({ address: 4 * PAGE_SIZE });
    expect(memory.bytes[4 * PAGE_SIZE]).toBe(0);
  });

  it("announces what it writes, piece by piece", () => {
    const { memory, guest } = fixture();
    const seen: number[][] = [];
    memory.onWrite(FRAME_WATCH.hook, (frame, offset, length) => seen.push([frame, offset, length]));
    for (const frame of [1, 2]) memory.watch(toMfn(frame), FRAME_WATCH.hook);
    guest.copyTo(2 * PAGE_SIZE - 2, Uint8Array.of(1, 2, 3));
    expect(seen).toEqual([
      [1, PAGE_SIZE - 2, 2],
      [2, 0, 1],
    ]);
  });

  it("has no fault to tell of a pointer that was refused", () => {
    const { guest } = fixture();
    expect(guest.read(0xffff_fff0, 4)).toBeNull();
    expect(guest.fault).toBeNull();
  });

  it("is empty while the VCPU has no address space", () => {
    const { memory, translator } = fixture();
    const guest = createGuestMemory({ memory, translator, width: "x86_32p", space: () => null });
    expect(guest.read(0, 4)).toBeNull();
    expect(guest.copyTo(0, Uint8Array.of(1))).toBe(false);
  });
});
