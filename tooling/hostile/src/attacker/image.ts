import { PAGE_SIZE } from "@xenolith/machine-interface";
import {
  XEN_ELFNOTE_ENTRY,
  XEN_ELFNOTE_GUEST_OS,
  XEN_ELFNOTE_NAME,
  XEN_ELFNOTE_PAE_MODE,
  XEN_ELFNOTE_VIRT_BASE,
  XEN_ELFNOTE_XEN_VERSION,
} from "@xenolith/xen-abi/elfnote";
import { type AttackerWidth, CODE, IMAGE_PAGES, VIRTUAL_BASE } from "./layout.ts";
import { attackerCode } from "./program.ts";

const SEGMENT = { load: 1, note: 4 } as const;
const EXECUTABLE = 2;
const RWX = 7;
const READ = 4;

/** What differs between ELF files of 32 and of 64 bits. */
const ELF = {
  x86_32p: { headerBytes: 52, segmentBytes: 32, machine: 3, elfClass: 1 },
  x86_64: { headerBytes: 64, segmentBytes: 56, machine: 62, elfClass: 2 },
} as const;

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const text = (value: string): number[] => [...new TextEncoder().encode(value), 0];
const padded = (bytes: readonly number[]): number[] => [
  ...bytes,
  ...Array((4 - (bytes.length % 4)) % 4).fill(0),
];

const note = (type: number, description: readonly number[]): number[] => {
  const name = text(XEN_ELFNOTE_NAME);
  return [
    ...word(name.length),
    ...word(description.length),
    ...word(type),
    ...padded(name),
    ...padded(description),
  ];
};

const notes = (): number[] => [
  ...note(XEN_ELFNOTE_GUEST_OS, text("attacker")),
  ...note(XEN_ELFNOTE_XEN_VERSION, text("xen-3.0")),
  ...note(XEN_ELFNOTE_PAE_MODE, text("yes")),
  ...note(XEN_ELFNOTE_VIRT_BASE, word(VIRTUAL_BASE)),
  ...note(XEN_ELFNOTE_ENTRY, word(CODE.loop)),
];

/** A segment of the file. */
interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly at: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly alignment: number;
}

/** Fields of a program header in the order of the class. Addresses, virtual and physical, are 0: the notes say where it lies. */
const segmentFields = (isWide: boolean, segment: Segment): number[] => {
  const { type, flags, at, fileBytes, memoryBytes, alignment } = segment;
  const sizes = [at, 0, 0, fileBytes, memoryBytes];
  return isWide
    ? [
        ...word(type),
        ...word(flags),
        ...[...sizes, alignment].flatMap((value) => [...word(value), ...word(0)]),
      ]
    : [type, ...sizes, flags, alignment].flatMap(word);
};

/** The attacker's kernel as an ELF file with Xen's notes: one segment, whose physical addresses begin at 0. [XEN elfnote.h] */
export const attackerImage = (width: AttackerWidth): Uint8Array => {
  const { headerBytes, segmentBytes, machine, elfClass } = ELF[width];
  const isWide = width === "x86_64";
  const code = attackerCode(width);
  const noteBytes = notes();
  const codeAt = headerBytes + 2 * segmentBytes;
  const bytes = new Uint8Array(codeAt + code.length + noteBytes.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elfClass, 1, 1]);
  view.setUint16(16, EXECUTABLE, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, CODE.loop, true);
  view.setUint32(isWide ? 32 : 28, headerBytes, true);
  view.setUint16(isWide ? 52 : 40, headerBytes, true);
  view.setUint16(isWide ? 54 : 42, segmentBytes, true);
  view.setUint16(isWide ? 56 : 44, 2, true);
  const segments: readonly Segment[] = [
    {
      type: SEGMENT.load,
      flags: RWX,
      at: codeAt,
      fileBytes: code.length,
      memoryBytes: IMAGE_PAGES * PAGE_SIZE,
      alignment: PAGE_SIZE,
    },
    {
      type: SEGMENT.note,
      flags: READ,
      at: codeAt + code.length,
      fileBytes: noteBytes.length,
      memoryBytes: noteBytes.length,
      alignment: 4,
    },
  ];
  for (const [index, segment] of segments.entries())
    bytes.set(segmentFields(isWide, segment), headerBytes + index * segmentBytes);
  bytes.set(code, codeAt);
  bytes.set(noteBytes, codeAt + code.length);
  return bytes;
};
