/** Machines this project meets: EM_386 and EM_X86_64; others keep their number. [ELF 1-4] */
export const ELF_MACHINE = { i386: 3, x86_64: 62 } as const;

/** Segment types. [ELF 2-3] */
export const SEGMENT_TYPE = { load: 1, note: 4 } as const;

/** A program header. [ELF 2-2] */
export interface ElfSegment {
  readonly type: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
  /** Offset of its bytes in the file. */
  readonly offset: number;
  /** Virtual address. 64-bit ones are sign-extended, so that 0xffffffff80000000 is -0x80000000. */
  readonly virtualAddress: number;
  /** Physical address, unsigned for 32-bit files, sign-extended for 64-bit ones. */
  readonly physicalAddress: number;
  readonly fileBytes: number;
  /** At least `fileBytes`; what is beyond them is zero. */
  readonly memoryBytes: number;
}

/** A section header with its name. [ELF 1-9] */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  /** Bytes in the file; 0 for sections without any (SHT_NOBITS). */
  readonly fileBytes: number;
}

/** One entry of a note segment or section. [ELF 2-4] */
export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  /** The descriptor's bytes: a view of the file. */
  readonly description: Uint8Array;
}

/** What a file says of itself. All ranges lie within the file. */
export interface ElfImage {
  readonly kind: "elf";
  /** 32 or 64. */
  readonly wordBits: 32 | 64;
  readonly machine: number;
  /** ET_EXEC 2, ET_DYN 3 … */
  readonly type: number;
  /** Entry point, sign-extended for 64-bit files. */
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
  /** Notes of all note segments, then of note sections outside them, in file order. */
  readonly notes: readonly ElfNote[];
}

/** Why bytes are not an ELF file one can use: half a sentence for people, without a full stop. */
export interface ElfProblem {
  readonly kind: "problem";
  readonly message: string;
}
