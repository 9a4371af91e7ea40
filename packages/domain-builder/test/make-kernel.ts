/** Builds small 32-bit ELF kernels with Xen notes for tests. */

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const text = (value: string): number[] => [...new TextEncoder().encode(value), 0];
const pad4 = (bytes: readonly number[]): number[] => [
  ...bytes,
  ...Array((4 - (bytes.length % 4)) % 4).fill(0),
];

/** A Xen note: a 32-bit number or a string. */
export const xenNote = (type: number, value: number | string): number[] => {
  const description = typeof value === "number" ? word(value) : text(value);
  return [...word(4), ...word(description.length), ...word(type), ...text("Xen"), ...pad4(description)].slice(
    0,
  );
};

/** A kernel of one part and one note segment. */
export const makeKernel = (options: {
  physical?: number;
  memoryBytes?: number;
  machine?: number;
  notes?: readonly number[][];
}): Uint8Array => {
  const code = [0xf4, 0x90, 0x90, 0x90];
  const notes = (options.notes ?? []).flat();
  const codeAt = 52 + 64;
  const bytes = new Uint8Array(codeAt + code.length + notes.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, options.machine ?? 3, true);
  view.setUint32(24, 0xc000_0000, true);
  view.setUint32(28, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 2, true);
  const physical = options.physical ?? 0;
  const headers = [
    [1, codeAt, physical, physical, code.length, options.memoryBytes ?? 0x3000, 7, 4096],
    [4, codeAt + code.length, 0, 0, notes.length, notes.length, 4, 4],
  ];
  for (const [at, value] of headers.flat().entries()) view.setUint32(52 + 4 * at, value, true);
  bytes.set(code, codeAt);
  bytes.set(notes, codeAt + code.length);
  return bytes;
};

/** Notes of a PAE kernel at 0xC0000000, as `NAME` of [XEN elfnote.h] numbers them. */
export const paeNotes: readonly number[][] = [
  xenNote(6, "test"),
  xenNote(5, "xen-3.0"),
  xenNote(3, 0xc000_0000),
  xenNote(1, 0xc000_0010),
  xenNote(2, 0xc000_1000),
  xenNote(9, "yes"),
];
