import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CoreSection,
  ELF_MACHINE,
  encodeNote,
  parseElf,
  readNotes,
  writeCore,
} from "../../src/index.ts";

const section = (name: string, bytes: Uint8Array, more: Partial<CoreSection> = {}): CoreSection => ({
  name,
  type: "data",
  entryBytes: 0,
  alignment: 8,
  lengthBytes: bytes.length,
  pieces: () => [bytes],
  ...more,
});

const fileOf = (sections: readonly CoreSection[]): Uint8Array =>
  Buffer.concat([...writeCore(ELF_MACHINE.x86_64, sections)]);

describe("a core file", () => {
  it("gives back every section, whatever is in it and however it is aligned", () => {
    const anySection = fc.record({
      bytes: fc.uint8Array({ maxLength: 100 }),
      alignment: fc.constantFrom(1, 4, 8, 4096),
    });
    fc.assert(
      fc.property(fc.array(anySection, { maxLength: 5 }), (all) => {
        const file = fileOf(
          all.map(({ bytes, alignment }, index) => section(`.part${index}`, bytes, { alignment })),
        );
        const elf = parseElf(file);
        if (elf.kind === "problem") throw new Error(elf.message);
        for (const [index, { bytes, alignment }] of all.entries()) {
          const found = elf.sections.find(({ name }) => name === `.part${index}`);
          expect(found === undefined ? null : found.offset % alignment).toBe(0);
          expect(file.subarray(found?.offset, (found?.offset ?? 0) + (found?.fileBytes ?? 0))).toEqual(
            Buffer.from(bytes),
          );
        }
      }),
    );
  });

  it("has its notes where sections and where segments are looked at", () => {
    const notes = Buffer.concat([
      encodeNote("Xen", 7, Uint8Array.of(1, 2, 3)),
      encodeNote("Xen", 8, new Uint8Array(0)),
    ]);
    const file = fileOf([section(".note.Xen", notes, { type: "notes" })]);
    const elf = parseElf(file);
    if (elf.kind === "problem") throw new Error(elf.message);
    expect(elf.notes.map(({ owner, type }) => `${owner} ${type}`)).toEqual(["Xen 7", "Xen 8"]);
    expect(elf.notes[0]?.description).toEqual(Buffer.of(1, 2, 3));
    expect(elf.segments).toHaveLength(1);
    expect(readNotes(notes)).toHaveLength(2);
  });
});
