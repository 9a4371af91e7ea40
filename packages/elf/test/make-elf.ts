/** Builds the smallest ELF files that tests need: one load segment, and one note segment when there are notes. */

interface Note {
  readonly owner: string;
  readonly type: number;
  readonly description: readonly number[];
}

const pad4 = (bytes: readonly number[]): number[] => [
  ...bytes,
  ...Array((4 - (bytes.length % 4)) % 4).fill(0),
];

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

const encodeNotes = (notes: readonly Note[]): number[] =>
  notes.flatMap((note) => {
    const name = [...new TextEncoder().encode(note.owner), 0];
    return [
      ...word(name.length),
      ...word(note.description.length),
      ...word(note.type),
      ...pad4(name),
      ...pad4(note.description),
    ];
  });

/** A 32-bit i386 executable. */
export const makeElf32 = (options: {
  entry?: number;
  virtual?: number;
  physical?: number;
  code?: readonly number[];
  memoryBytes?: number;
  notes?: readonly Note[];
}): Uint8Array => {
  const { entry = 0, virtual = 0, physical = 0, code = [0xf4], notes = [] } = options;
  const noteBytes = encodeNotes(notes);
  const codeAt = 52 + 64;
  const noteAt = codeAt + pad4(code).length;
  const bytes = new Uint8Array(noteAt + noteBytes.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 2, true);
  const header = (at: number, values: readonly number[]): void => {
    for (const [index, value] of values.entries()) view.setUint32(at + 4 * index, value, true);
  };
  header(52, [1, codeAt, virtual, physical, code.length, options.memoryBytes ?? code.length, 7, 4]);
  header(84, [4, noteAt, 0, 0, noteBytes.length, noteBytes.length, 4, 4]);
  bytes.set(code, codeAt);
  bytes.set(noteBytes, noteAt);
  return bytes;
};

/** A 64-bit x86-64 executable. */
export const makeElf64 = (options: {
  entry: bigint;
  virtual: bigint;
  code: readonly number[];
}): Uint8Array => {
  const bytes = new Uint8Array(64 + 56 + options.code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigInt64(24, options.entry, true);
  view.setBigInt64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setBigInt64(72, 120n, true);
  view.setBigInt64(80, options.virtual, true);
  view.setBigInt64(96, BigInt(options.code.length), true);
  view.setBigInt64(104, BigInt(options.code.length), true);
  bytes.set(options.code, 120);
  return bytes;
};
