import type { MachineMemory, PagingContext } from "@xenolith/machine-interface";
import type { InstructionSet, Window } from "./vector-file.ts";

const PAGE = 4096;
const PRESENT_USER = 5;
const WRITABLE = 2;

/** A window and where its bytes lie in machine memory. */
export interface PlacedWindow extends Window {
  readonly machineAddress: number;
}

/** Page tables of one format: levels, bits of an index, bytes of an entry. */
interface Shape {
  readonly format: PagingContext["format"];
  readonly levels: number;
  readonly indexBits: number;
  readonly entryBytes: number;
}

const SHAPES: Readonly<Record<InstructionSet, Shape>> = {
  i386: { format: "two-level", levels: 2, indexBits: 10, entryBytes: 4 },
  amd64: { format: "long", levels: 4, indexBits: 9, entryBytes: 8 },
};

/** Maps windows for CPL 3, and nothing else. Tables are taken from `firstFrame` upwards; that one is the root. */
export const mapWindows = (
  memory: MachineMemory,
  isa: InstructionSet,
  windows: readonly PlacedWindow[],
  firstFrame: number,
): PagingContext => {
  const { format, levels, indexBits, entryBytes } = SHAPES[isa];
  let free = firstFrame + 1;
  const entryAt = (table: number, page: number, level: number): number =>
    table + entryBytes * (Math.floor(page / 2 ** (indexBits * (level - 1))) % 2 ** indexBits);
  const tableOf = (page: number): number => {
    let table = firstFrame * PAGE;
    for (let level = levels; level > 1; level--) {
      const entry = entryAt(table, page, level);
      if (memory.view.getUint32(entry, true) === 0) {
        memory.view.setUint32(entry, (free * PAGE) | PRESENT_USER | WRITABLE, true);
        free += 1;
      }
      table = memory.view.getUint32(entry, true) & -PAGE;
    }
    return table;
  };
  for (const { address, sizeBytes, writable, machineAddress } of windows) {
    for (let offset = 0; offset < sizeBytes; offset += PAGE) {
      const page = (address + offset) / PAGE;
      const entry = entryAt(tableOf(page), page, 1);
      memory.view.setUint32(
        entry,
        (machineAddress + offset) | PRESENT_USER | (writable ? WRITABLE : 0),
        true,
      );
    }
  }
  return {
    format,
    rootAddress: firstFrame * PAGE,
    writeProtect: true,
    noExecute: false,
    largePages: false,
    globalPages: false,
    supervisorExecutionPrevention: false,
    linearLimit: null,
    overlays: [],
  };
};
