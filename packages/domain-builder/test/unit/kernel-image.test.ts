import { describe, expect, it } from "vitest";
import { type KernelImage, readKernelImage } from "../../src/index.ts";
import { makeKernel, paeNotes, xenNote } from "../make-kernel.ts";

const kernel = (bytes: Uint8Array): KernelImage => {
  const image = readKernelImage(bytes);
  if (image.kind === "problem") throw new Error(image.message);
  return image;
};

describe("readKernelImage", () => {
  it("places parts at their physical address above VIRT_BASE", () => {
    const image = kernel(makeKernel({ notes: paeNotes, memoryBytes: 0x5000 }));
    expect(image).toMatchObject({
      width: "x86_32p",
      virtualBase: 0xc000_0000,
      entry: 0xc000_0010,
      hypercallPage: 0xc000_1000,
      end: 0xc000_5000,
    });
    expect(image.parts[0]).toMatchObject({ address: 0xc000_0000, memoryBytes: 0x5000 });
  });

  it("takes PADDR_OFFSET off physical addresses", () => {
    const image = kernel(
      makeKernel({ physical: 0xc010_0000, notes: [...paeNotes, xenNote(4, 0xc000_0000)] }),
    );
    expect(image.parts[0]?.address).toBe(0xc010_0000);
  });

  it("assumes VIRT_BASE 0 and the ELF entry where notes are silent", () => {
    expect(kernel(makeKernel({ notes: [xenNote(6, "GRUB"), xenNote(9, "yes,bimodal")] }))).toMatchObject({
      virtualBase: 0,
      entry: 0xc000_0000,
      hypercallPage: null,
      width: "x86_32p",
    });
  });

  it.each([
    ["no Xen notes", makeKernel({})],
    ["another machine", makeKernel({ machine: 40, notes: paeNotes })],
    ["only as PVH", makeKernel({ notes: [xenNote(18, 0x10_0000)] })],
    ["truncated", makeKernel({ notes: paeNotes }).subarray(0, 118)],
    ["not an ELF file", new TextEncoder().encode("#!/bin/sh — this is no kernel at all, only text")],
  ])("says why it cannot be started: %s", (reason, bytes) => {
    expect(readKernelImage(bytes)).toMatchObject({
      kind: "problem",
      message: expect.stringContaining(reason),
    });
  });
});
