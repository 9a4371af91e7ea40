import { ELF_MACHINE, type ElfImage, parseElf, SEGMENT_TYPE } from "@xenolith/elf";
import type { GuestWidth } from "@xenolith/xen-abi";
import { type GuestNotes, readGuestNotes } from "./guest-notes.ts";
import { type BuildProblem, buildProblem } from "./problem.ts";

/** A part of a kernel to be placed in memory. */
export interface KernelPart {
  /** Linear address of its first byte. */
  readonly address: number;
  /** Bytes from the file; a view of the image. */
  readonly bytes: Uint8Array;
  /** Bytes in memory; what the file does not give is zero. */
  readonly memoryBytes: number;
}

/** A paravirtual kernel, checked and ready to be placed. */
export interface KernelImage {
  readonly kind: "kernel";
  readonly width: GuestWidth;
  readonly guestOs: string;
  /** Linear address of pseudo-physical address 0. */
  readonly virtualBase: number;
  readonly entry: number;
  readonly hypercallPage: number | null;
  readonly modStartPfn: boolean;
  readonly initP2m: number | null;
  readonly parts: readonly KernelPart[];
  /** First linear address behind the last part. */
  readonly end: number;
}

const widthOf = (elf: ElfImage, notes: GuestNotes): GuestWidth | BuildProblem => {
  if (elf.machine === ELF_MACHINE.x86_64 && elf.wordBits === 64) return "x86_64";
  if (elf.machine !== ELF_MACHINE.i386)
    return buildProblem(`the kernel is for another machine (ELF machine ${elf.machine})`);
  return notes.paeMode === null || notes.paeMode.startsWith("no") ? "x86_32" : "x86_32p";
};

const placeParts = (elf: ElfImage, bytes: Uint8Array, offset: number): KernelPart[] =>
  elf.segments
    .filter((segment) => segment.type === SEGMENT_TYPE.load && segment.memoryBytes > 0)
    .map((segment) => ({
      address: segment.physicalAddress + offset,
      bytes: bytes.subarray(segment.offset, segment.offset + segment.fileBytes),
      memoryBytes: segment.memoryBytes,
    }));

/**
 * Reads a paravirtual kernel from an ELF file. A part lies at its physical address, less PADDR_OFFSET, above VIRT_BASE.
 * Defaults are those of the ABI: VIRT_BASE 0, PADDR_OFFSET 0 with notes and VIRT_BASE without. [XEN elfnote.h]
 */
export const readKernelImage = (bytes: Uint8Array): KernelImage | BuildProblem => {
  const elf = parseElf(bytes);
  if (elf.kind === "problem")
    return buildProblem(
      `the kernel is ${elf.message.startsWith("not ") ? "" : "a bad ELF file: "}${elf.message}`,
    );
  const known = elf.machine === ELF_MACHINE.i386 || elf.machine === ELF_MACHINE.x86_64;
  if (!known) return buildProblem(`the kernel is for another machine (ELF machine ${elf.machine})`);
  const notes = readGuestNotes(elf, bytes);
  if (notes === null) return buildProblem("the kernel has no Xen notes: it is not a Xen guest");
  if (notes.form === "elf-notes" && notes.xenVersion === null && notes.physicalEntry !== null) {
    return buildProblem("the kernel starts only as PVH, which is not supported");
  }
  const width = widthOf(elf, notes);
  if (typeof width !== "string") return width;
  const virtualBase = notes.virtualBase ?? 0;
  const parts = placeParts(elf, bytes, virtualBase - (notes.physicalOffset ?? 0));
  if (parts.length === 0) return buildProblem("the kernel has nothing to load");
  if (parts.some((part) => part.address < virtualBase))
    return buildProblem("the kernel has a part below its VIRT_BASE");
  return {
    kind: "kernel",
    width,
    guestOs: notes.guestOs,
    virtualBase,
    entry: notes.entry ?? elf.entry,
    hypercallPage: notes.hypercallPage,
    modStartPfn: notes.modStartPfn,
    initP2m: notes.initP2m,
    parts,
    end: Math.max(...parts.map((part) => part.address + part.memoryBytes)),
  };
};
