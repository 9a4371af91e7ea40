import { CR0, CR4, EFER, entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";

/** Code of a flat machine: 16-bit code in real mode, or 32 or 64-bit code in flat segments at ring 0. */
export type FlatMode = "real" | "protected-flat" | "long-flat";

const PAGE = 4096;
const LARGE_PAGE = 0x20_0000;
const TABLE_ENTRIES = 512;
const VECTORS = 256;

/** Selectors of the descriptor table. */
export const FLAT_SELECTOR = { code32: 0x08, data: 0x10, code64: 0x18 } as const;
const DESCRIPTORS = [0n, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00af_9b00_0000_ffffn];

/** Places of a flat machine's own tables, from the start of its area at the end of RAM. */
const PLACE = { descriptors: 0, code: 0x100, handlers: 0x400, gates: 0x1000, tables: 0x2000 } as const;

/** Bytes at the end of RAM that a flat machine keeps for itself. */
export const FLAT_AREA_BYTES = 0x1_0000;

/** What a flat machine has put at the end of RAM. */
export interface FlatArea {
  /** Where the code begins that switches modes, and where it ends. */
  readonly code: number;
  readonly codeEnd: number;
  /** Where exception vector n is handled: this plus n. A place to stop at, not code. */
  readonly handlers: number;
}

const word = (value: number): readonly number[] => [
  value & 0xff,
  (value >>> 8) & 0xff,
  (value >>> 16) & 0xff,
  value >>> 24,
];

/** Loads a 32-bit register by its number, and moves it to CR0, CR3 or CR4. */
const loadEax = (value: number): readonly number[] => [0xb8, ...word(value)];
const moveToControl = (control: number): readonly number[] => [0x0f, 0x22, 0xc0 | (control << 3)];

interface SwitchOptions {
  readonly mode: FlatMode;
  readonly hasVectors: boolean;
}

/** 32-bit code that loads the descriptor tables and, for 64-bit code, enters long mode. */
const switchCode = (area: number, at: number, { mode, hasVectors }: SwitchOptions): readonly number[] => {
  const vectors = hasVectors ? CR4.osfxsr | CR4.osxmmexcpt : 0;
  const tables = [0x0f, 0x01, 0x15, ...word(area + 0x40), 0x0f, 0x01, 0x1d, ...word(area + 0x50)];
  const protectedControl = CR0.pe | CR0.mp | CR0.et | CR0.ne;
  if (mode !== "long-flat") {
    return [
      ...tables,
      ...(hasVectors ? [...loadEax(vectors), ...moveToControl(4)] : []),
      ...loadEax(protectedControl),
      ...moveToControl(0),
    ];
  }
  const enter = [
    ...tables,
    ...[...loadEax(vectors | CR4.pae), ...moveToControl(4)],
    ...[...loadEax(area + PLACE.tables), ...moveToControl(3)],
    // mov ecx, EFER; xor edx, edx; wrmsr
    ...[0xb9, ...word(0xc000_0080), 0x31, 0xd2],
    ...[...loadEax(EFER.lme | EFER.nxe | EFER.sce), 0x0f, 0x30],
    ...[...loadEax((protectedControl | CR0.wp | CR0.pg) >>> 0), ...moveToControl(0)],
  ];
  const next = at + enter.length + 7;
  return [...enter, 0xea, ...word(next), FLAT_SELECTOR.code64, 0];
};

/** Identity tables of 2 MiB pages over all of RAM. */
const writeTables = (view: DataView, area: number, ramBytes: number): void => {
  const put = (table: number, index: number, address: number, flags: number): void => {
    view.setUint32(table + 8 * index, entryLow(address / PAGE, flags), true);
    view.setUint32(table + 8 * index + 4, entryHigh(address / PAGE), true);
  };
  const root = area + PLACE.tables;
  const pointers = root + PAGE;
  const flags = PTE.present | PTE.writable | PTE.user;
  put(root, 0, pointers, flags);
  for (let page = 0; page * LARGE_PAGE < ramBytes; page++) {
    const directory = pointers + PAGE * (1 + Math.floor(page / TABLE_ENTRIES));
    if (page % TABLE_ENTRIES === 0) put(pointers, page / TABLE_ENTRIES, directory, flags);
    put(directory, page % TABLE_ENTRIES, page * LARGE_PAGE, flags | PTE.large);
  }
};

/** One interrupt gate per vector: each leads to a byte of its own. */
const writeGates = (view: DataView, area: number, isWide: boolean): void => {
  const selector = isWide ? FLAT_SELECTOR.code64 : FLAT_SELECTOR.code32;
  for (let vector = 0; vector < VECTORS; vector++) {
    const target = area + PLACE.handlers + vector;
    const gate = area + PLACE.gates + vector * (isWide ? 16 : 8);
    view.setUint32(gate, (target & 0xffff) | (selector << 16), true);
    view.setUint32(gate + 4, ((target & 0xffff_0000) | 0x8e00) >>> 0, true);
  }
};

/** Writes what a flat machine of 32 or 64-bit code needs into the end of RAM. */
export const writeFlatArea = (view: DataView, ramBytes: number, options: SwitchOptions): FlatArea => {
  const area = ramBytes - FLAT_AREA_BYTES;
  const isWide = options.mode === "long-flat";
  DESCRIPTORS.forEach((descriptor, index) => {
    view.setBigUint64(area + PLACE.descriptors + 8 * index, descriptor, true);
  });
  view.setUint16(area + 0x40, 8 * DESCRIPTORS.length - 1, true);
  view.setUint32(area + 0x42, area + PLACE.descriptors, true);
  view.setUint16(area + 0x50, VECTORS * (isWide ? 16 : 8) - 1, true);
  view.setUint32(area + 0x52, area + PLACE.gates, true);
  writeGates(view, area, isWide);
  if (isWide) writeTables(view, area, ramBytes);
  const code = area + PLACE.code;
  const bytes = switchCode(area, code, options);
  bytes.forEach((byte, index) => {
    view.setUint8(code + index, byte);
  });
  return { code, codeEnd: code + bytes.length, handlers: area + PLACE.handlers };
};
