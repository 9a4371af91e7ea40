import { describe, expect, it } from "vitest";
import { ELF_MACHINE, type ElfImage, parseElf, SEGMENT_TYPE } from "../../src/index.ts";
import { makeElf32, makeElf64 } from "../make-elf.ts";

const image = (bytes: Uint8Array): ElfImage => {
  const parsed = parseElf(bytes);
  if (parsed.kind !== "elf") throw new Error(parsed.message);
  return parsed;
};

describe("parseElf", () => {
  it("reads header and load segment of a 32-bit file", () => {
    const parsed = image(
      makeElf32({ entry: 0xc000_0010, virtual: 0xc000_0000, physical: 0, code: [1, 2, 3], memoryBytes: 64 }),
    );
    expect(parsed).toMatchObject({ wordBits: 32, machine: ELF_MACHINE.i386, entry: 0xc000_0010 });
    expect(parsed.segments[0]).toMatchObject({
      type: SEGMENT_TYPE.load,
      virtualAddress: 0xc000_0000,
      physicalAddress: 0,
      fileBytes: 3,
      memoryBytes: 64,
    });
  });

  it("gives 64-bit addresses sign-extended, so that they stay exact", () => {
    const parsed = image(makeElf64({ entry: -0x7f00_0000n, virtual: -0x8000_0000n, code: [0xf4] }));
    expect(parsed.entry).toBe(-0x7f00_0000);
    expect(parsed.segments[0]?.virtualAddress).toBe(-0x8000_0000);
  });

  it("reads notes with owner, type and padded description", () => {
    const parsed = image(
      makeElf32({
        notes: [
          { owner: "Xen", type: 5, description: [1, 2, 3, 4, 5] },
          { owner: "Xen", type: 6, description: [9] },
        ],
      }),
    );
    expect(parsed.notes.map((note) => [note.owner, note.type, [...note.description]])).toEqual([
      ["Xen", 5, [1, 2, 3, 4, 5]],
      ["Xen", 6, [9]],
    ]);
  });

  it("cuts a description that runs over the end of its segment", () => {
    const bytes = makeElf32({ notes: [{ owner: "Xen", type: 9, description: [121, 101, 115, 44] }] });
    new DataView(bytes.buffer).setUint32(bytes.length - 16, 12, true);
    expect(image(bytes).notes.map((note) => [...note.description])).toEqual([[121, 101, 115, 44]]);
  });

  it.each([
    ["not an ELF file", new Uint8Array(100)],
    ["truncated", makeElf32({ code: Array(100).fill(7) }).subarray(0, 120)],
    ["program headers lie beyond", makeElf32({}).subarray(0, 60)],
    ["unknown ELF class", Uint8Array.from(makeElf32({}), (value, at) => (at === 4 ? 9 : value))],
    ["big-endian", Uint8Array.from(makeElf32({}), (value, at) => (at === 5 ? 2 : value))],
  ])("names the problem: %s", (message, bytes) => {
    expect(parseElf(bytes)).toMatchObject({ kind: "problem", message: expect.stringContaining(message) });
  });
});
