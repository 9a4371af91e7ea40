/** A section of a core file. Its bytes may come piece by piece; `lengthBytes` says how many there are in all. */
export interface CoreSection {
  readonly name: string;
  readonly type: "data" | "notes";
  /** Size of each entry of a table; 0: it is none. */
  readonly entryBytes: number;
  readonly alignment: number;
  readonly lengthBytes: number;
  readonly pieces: () => Iterable<Uint8Array>;
}

const HEADER_BYTES = 64;
const SEGMENT_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const ET_CORE = 4;
const PT_NOTE = 4;

const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

/** One entry of a note section; name and description are padded to four bytes. [ELF 2-4] */
export const encodeNote = (owner: string, type: number, description: Uint8Array): Uint8Array => {
  const name = new TextEncoder().encode(`${owner}\0`);
  const descriptionAt = 12 + alignUp(name.length, 4);
  const bytes = new Uint8Array(descriptionAt + alignUp(description.length, 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, description.length, true);
  view.setUint32(8, type, true);
  bytes.set(name, 12);
  bytes.set(description, descriptionAt);
  return bytes;
};

const fileHeader = (machine: number, segmentCount: number, sectionCount: number): Uint8Array => {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setBigUint64(40, BigInt(HEADER_BYTES + segmentCount * SEGMENT_HEADER_BYTES), true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, SEGMENT_HEADER_BYTES, true);
  view.setUint16(56, segmentCount, true);
  view.setUint16(58, SECTION_HEADER_BYTES, true);
  view.setUint16(60, sectionCount, true);
  view.setUint16(62, sectionCount - 1, true);
  return bytes;
};

/**
 * A 64-bit little-endian ELF core file of sections, piece by piece: header, a segment for each section of notes (tools look for
 * notes of cores there), section headers, then the sections' bytes, names last. [ELF 1-3] [ELF 1-9] [ELF 2-2]
 * @param machine - ELF_MACHINE.*
 */
export function* writeCore(machine: number, sections: readonly CoreSection[]): Generator<Uint8Array> {
  const names = ["", ...sections.map(({ name }) => name), ".shstrtab"];
  const table = new TextEncoder().encode(names.map((name) => `${name}\0`).join(""));
  const nameOffset = (index: number): number =>
    names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0);
  const all: CoreSection[] = [
    ...sections,
    {
      name: ".shstrtab",
      type: "data",
      entryBytes: 0,
      alignment: 1,
      lengthBytes: table.length,
      pieces: () => [table],
    },
  ];
  const headers = new Uint8Array((all.length + 1) * SECTION_HEADER_BYTES);
  const view = new DataView(headers.buffer);
  const noteCount = sections.filter(({ type }) => type === "notes").length;
  const segments = new Uint8Array(noteCount * SEGMENT_HEADER_BYTES);
  const segmentView = new DataView(segments.buffer);
  let segment = 0;
  const startBytes = HEADER_BYTES + segments.length + headers.length;
  let at = startBytes;
  const places: number[] = [];
  for (const [index, section] of all.entries()) {
    const header = (index + 1) * SECTION_HEADER_BYTES;
    const isNames = index === all.length - 1;
    at = alignUp(at, section.alignment);
    places.push(at);
    view.setUint32(header, nameOffset(index + 1), true);
    view.setUint32(
      header + 4,
      isNames ? SHT_STRTAB : section.type === "notes" ? SHT_NOTE : SHT_PROGBITS,
      true,
    );
    view.setBigUint64(header + 24, BigInt(at), true);
    view.setBigUint64(header + 32, BigInt(section.lengthBytes), true);
    view.setBigUint64(header + 48, BigInt(section.alignment), true);
    view.setBigUint64(header + 56, BigInt(section.entryBytes), true);
    if (section.type === "notes") {
      segmentView.setUint32(segment, PT_NOTE, true);
      segmentView.setBigUint64(segment + 8, BigInt(at), true);
      segmentView.setBigUint64(segment + 32, BigInt(section.lengthBytes), true);
      segmentView.setBigUint64(segment + 48, 4n, true);
      segment += SEGMENT_HEADER_BYTES;
    }
    at += section.lengthBytes;
  }
  yield fileHeader(machine, noteCount, all.length + 1);
  yield segments;
  yield headers;
  let written = startBytes;
  for (const [index, section] of all.entries()) {
    const place = places[index] ?? written;
    if (place > written) yield new Uint8Array(place - written);
    yield* section.pieces();
    written = place + section.lengthBytes;
  }
}
