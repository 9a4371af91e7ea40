import { PAGE_SIZE } from "@xenolith/machine-interface";
import {
  XEN_ELFNOTE_ENTRY,
  XEN_ELFNOTE_GUEST_OS,
  XEN_ELFNOTE_NAME,
  XEN_ELFNOTE_PAE_MODE,
  XEN_ELFNOTE_VIRT_BASE,
  XEN_ELFNOTE_XEN_VERSION,
} from "@xenolith/xen-abi/elfnote";
import { CODE, IMAGE_PAGES, VIRTUAL_BASE } from "./layout.ts";
import { attackerCode } from "./program.ts";

const ELF_HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const EXECUTABLE = 2;
const I386 = 3;
const SEGMENT = { load: 1, note: 4 } as const;

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

const NOTES: readonly number[] = [
  ...note(XEN_ELFNOTE_GUEST_OS, text("attacker")),
  ...note(XEN_ELFNOTE_XEN_VERSION, text("xen-3.0")),
  ...note(XEN_ELFNOTE_PAE_MODE, text("yes")),
  ...note(XEN_ELFNOTE_VIRT_BASE, word(VIRTUAL_BASE)),
  ...note(XEN_ELFNOTE_ENTRY, word(CODE.loop)),
];

/** The attacker's kernel as an ELF file with Xen's notes: one segment, whose physical addresses begin at 0. [XEN elfnote.h] */
export const attackerImage = (): Uint8Array => {
  const code = attackerCode();
  const codeAt = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
  const bytes = new Uint8Array(codeAt + code.length + NOTES.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, EXECUTABLE, true);
  view.setUint16(18, I386, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, CODE.loop, true);
  view.setUint32(28, ELF_HEADER_BYTES, true);
  view.setUint16(40, ELF_HEADER_BYTES, true);
  view.setUint16(42, PROGRAM_HEADER_BYTES, true);
  view.setUint16(44, 2, true);
  const segments = [
    [SEGMENT.load, codeAt, 0, 0, code.length, IMAGE_PAGES * PAGE_SIZE, 7, PAGE_SIZE],
    [SEGMENT.note, codeAt + code.length, 0, 0, NOTES.length, NOTES.length, 4, 4],
  ];
  for (const [index, value] of segments.flat().entries())
    view.setUint32(ELF_HEADER_BYTES + 4 * index, value, true);
  bytes.set(code, codeAt);
  bytes.set(NOTES, codeAt + code.length);
  return bytes;
};
