import { readNotes } from "./notes.ts";
import {
  type ElfImage,
  type ElfNote,
  type ElfProblem,
  type ElfSection,
  type ElfSegment,
  SEGMENT_TYPE,
} from "./types.ts";

/** Offsets that differ between the classes. [ELF 1-3] [ELF 2-2] [ELF 1-9] */
interface Layout {
  readonly headerBytes: number;
  readonly wide: boolean;
  readonly entry: number;
  readonly programOffset: number;
  readonly sectionOffset: number;
  readonly counts: number;
  readonly segment: Readonly<
    Record<"flags" | "offset" | "virtual" | "physical" | "fileBytes" | "memoryBytes" | "size", number>
  >;
  readonly section: Readonly<Record<"offset" | "fileBytes" | "link" | "size", number>>;
}

const LAYOUT_32: Layout = {
  headerBytes: 52,
  wide: false,
  entry: 24,
  programOffset: 28,
  sectionOffset: 32,
  counts: 42,
  segment: { offset: 4, virtual: 8, physical: 12, fileBytes: 16, memoryBytes: 20, flags: 24, size: 32 },
  section: { offset: 16, fileBytes: 20, link: 24, size: 40 },
};

const LAYOUT_64: Layout = {
  headerBytes: 64,
  wide: true,
  entry: 24,
  programOffset: 32,
  sectionOffset: 40,
  counts: 54,
  segment: { flags: 4, offset: 8, virtual: 16, physical: 24, fileBytes: 32, memoryBytes: 40, size: 56 },
  section: { offset: 24, fileBytes: 32, link: 40, size: 64 },
};

const MAGIC = 0x464c_457f;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;

const problem = (message: string): ElfProblem => ({ kind: "problem", message });

/** An address or size of the file's class; NaN when it is not exact, which fails every range check. */
const readWord = (view: DataView, at: number, wide: boolean): number => {
  if (!wide) return view.getUint32(at, true);
  const value = Number(view.getBigInt64(at, true));
  return Number.isSafeInteger(value) ? value : Number.NaN;
};

const fits = (offset: number, length: number, total: number): boolean =>
  offset >= 0 && length >= 0 && offset + length <= total;

const readSegment = (view: DataView, at: number, layout: Layout): ElfSegment => ({
  type: view.getUint32(at, true),
  flags: view.getUint32(at + layout.segment.flags, true),
  offset: readWord(view, at + layout.segment.offset, layout.wide),
  virtualAddress: readWord(view, at + layout.segment.virtual, layout.wide),
  physicalAddress: readWord(view, at + layout.segment.physical, layout.wide),
  fileBytes: readWord(view, at + layout.segment.fileBytes, layout.wide),
  memoryBytes: readWord(view, at + layout.segment.memoryBytes, layout.wide),
});

const readSegments = (bytes: Uint8Array, view: DataView, layout: Layout): ElfSegment[] | ElfProblem => {
  const tableAt = readWord(view, layout.programOffset, layout.wide);
  const count = view.getUint16(layout.counts + 2, true);
  if (count > 0 && view.getUint16(layout.counts, true) !== layout.segment.size)
    return problem("program header size is wrong");
  if (!fits(tableAt, count * layout.segment.size, bytes.length))
    return problem("program headers lie beyond its end");
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const segment = readSegment(view, tableAt + index * layout.segment.size, layout);
    const matters = segment.type === SEGMENT_TYPE.load || segment.type === SEGMENT_TYPE.note;
    if (matters && !fits(segment.offset, segment.fileBytes, bytes.length)) {
      return problem(
        `truncated: segment ${index} ends at byte ${segment.offset + segment.fileBytes} of ${bytes.length}`,
      );
    }
    if (segment.type === SEGMENT_TYPE.load && !(segment.memoryBytes >= segment.fileBytes)) {
      return problem(`segment ${index} is larger in the file than in memory`);
    }
    segments.push(segment);
  }
  return segments;
};

const nameIn = (names: Uint8Array, at: number): string => {
  const end = names.indexOf(0, at);
  return new TextDecoder().decode(names.subarray(at, end < 0 ? names.length : end));
};

/** Sections are optional: a table that does not fit counts as none, as loaders do without it. */
const readSections = (bytes: Uint8Array, view: DataView, layout: Layout): ElfSection[] => {
  const tableAt = readWord(view, layout.sectionOffset, layout.wide);
  const size = view.getUint16(layout.counts + 4, true);
  const count = view.getUint16(layout.counts + 6, true);
  if (size !== layout.section.size || !fits(tableAt, count * size, bytes.length)) return [];
  const rangeOf = (index: number): { type: number; offset: number; fileBytes: number } => {
    const at = tableAt + index * size;
    const type = view.getUint32(at + 4, true);
    const offset = readWord(view, at + layout.section.offset, layout.wide);
    const fileBytes = type === SHT_NOBITS ? 0 : readWord(view, at + layout.section.fileBytes, layout.wide);
    return fits(offset, fileBytes, bytes.length)
      ? { type, offset, fileBytes }
      : { type, offset: 0, fileBytes: 0 };
  };
  const namesIndex = view.getUint16(layout.counts + 8, true);
  const namesRange = namesIndex < count ? rangeOf(namesIndex) : { offset: 0, fileBytes: 0 };
  const names = bytes.subarray(namesRange.offset, namesRange.offset + namesRange.fileBytes);
  return Array.from({ length: count }, (_, index) => ({
    name: nameIn(names, view.getUint32(tableAt + index * size, true)),
    ...rangeOf(index),
  }));
};

const collectNotes = (
  bytes: Uint8Array,
  segments: readonly ElfSegment[],
  sections: readonly ElfSection[],
): ElfNote[] => {
  const inSegments = segments.filter((segment) => segment.type === SEGMENT_TYPE.note);
  const inSections = sections.filter(
    (section) =>
      section.type === SHT_NOTE &&
      !inSegments.some(
        (s) => section.offset >= s.offset && section.offset + section.fileBytes <= s.offset + s.fileBytes,
      ),
  );
  return [...inSegments, ...inSections].flatMap((range) =>
    readNotes(bytes.subarray(range.offset, range.offset + range.fileBytes)),
  );
};

/**
 * Reads the headers, sections and notes of a little-endian ELF file of either class. Nothing is loaded or copied:
 * descriptions of notes are views of `bytes`. Never throws, whatever the bytes.
 */
export const parseElf = (bytes: Uint8Array): ElfImage | ElfProblem => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20 || view.getUint32(0, true) !== MAGIC) return problem("not an ELF file");
  const elfClass = view.getUint8(4);
  if (elfClass !== 1 && elfClass !== 2) return problem(`unknown ELF class ${elfClass}`);
  if (view.getUint8(5) !== 1) return problem("big-endian ELF file");
  const layout = elfClass === 2 ? LAYOUT_64 : LAYOUT_32;
  if (bytes.length < layout.headerBytes) return problem("truncated: shorter than an ELF header");
  const segments = readSegments(bytes, view, layout);
  if (!Array.isArray(segments)) return segments;
  const sections = readSections(bytes, view, layout);
  return {
    kind: "elf",
    wordBits: layout.wide ? 64 : 32,
    machine: view.getUint16(18, true),
    type: view.getUint16(16, true),
    entry: readWord(view, layout.entry, layout.wide),
    segments,
    sections,
    notes: collectNotes(bytes, segments, sections),
  };
};
