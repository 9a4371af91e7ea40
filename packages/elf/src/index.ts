export { readNotes } from "./notes.ts";
export { parseElf } from "./parse.ts";
export {
  ELF_MACHINE,
  type ElfImage,
  type ElfNote,
  type ElfProblem,
  type ElfSection,
  type ElfSegment,
  SEGMENT_TYPE,
} from "./types.ts";
export { type CoreSection, encodeNote, writeCore } from "./write-core.ts";
