import type { Descriptor } from "@xenolith/frame-table";
import { ATTRIBUTE, segmentHigh, segmentLow } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import {
  FIRST_RESERVED_GDT_ENTRY,
  FLAT_RING1_CS,
  FLAT_RING1_DS,
  FLAT_RING3_CS,
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_DS,
  FLAT_RING3_DS32,
} from "@xenolith/xen-abi/arch-x86";

/** Entries of the monitor's page of descriptors, behind the guest's 14 frames. */
const PAGE_ENTRIES = 512;

const CODE =
  ATTRIBUTE.present | ATTRIBUTE.codeOrData | ATTRIBUTE.code | ATTRIBUTE.readable | ATTRIBUTE.accessed;
const DATA = ATTRIBUTE.present | ATTRIBUTE.codeOrData | ATTRIBUTE.writable | ATTRIBUTE.accessed;
const FLAT_32 = ATTRIBUTE.granular | ATTRIBUTE.big;
const FLAT_64 = ATTRIBUTE.granular | ATTRIBUTE.long;

/** Raw limit of the flat segments: 4 GiB, but on x86_32 only up to the end of the machine-to-physical table. */
const LIMIT: Readonly<Record<GuestWidth, number>> = { x86_32: 0xfc3ff, x86_32p: 0xf_ffff, x86_64: 0xf_ffff };

/** Flat segments by selector; their level is the selector's RPL. [XEN arch-x86/xen-x86_32.h] [XEN arch-x86/xen-x86_64.h] */
const RING1_SEGMENTS: readonly (readonly [selector: number, attributes: number])[] = [
  [FLAT_RING1_CS, CODE | FLAT_32],
  [FLAT_RING1_DS, DATA | FLAT_32],
  [FLAT_RING3_CS, CODE | FLAT_32],
  [FLAT_RING3_DS, DATA | FLAT_32],
];

const SEGMENTS: Readonly<Record<GuestWidth, typeof RING1_SEGMENTS>> = {
  x86_32: RING1_SEGMENTS,
  x86_32p: RING1_SEGMENTS,
  x86_64: [
    [FLAT_RING3_CS32, CODE | FLAT_32],
    [FLAT_RING3_DS32, DATA | FLAT_32],
    [FLAT_RING3_CS64, CODE | FLAT_64],
  ],
};

const EMPTY: Descriptor = { low: 0, high: 0 };

const segmentsOf = (width: GuestWidth): ReadonlyMap<number, Descriptor> =>
  new Map(
    SEGMENTS[width].map(([selector, attributes]) => [
      selector >>> 3,
      {
        low: segmentLow(0, LIMIT[width]),
        high: segmentHigh(0, LIMIT[width], attributes | ((selector & 3) << ATTRIBUTE.dplShift)),
      },
    ]),
  );

const BY_WIDTH: Readonly<Record<GuestWidth, ReadonlyMap<number, Descriptor>>> = {
  x86_32: segmentsOf("x86_32"),
  x86_32p: segmentsOf("x86_32p"),
  x86_64: segmentsOf("x86_64"),
};

/** The monitor's descriptor at a GDT index, or null where the GDT ends. Those that guests may not use read as empty. */
export const monitorDescriptor = (width: GuestWidth, index: number): Descriptor | null => {
  if (index < FIRST_RESERVED_GDT_ENTRY || index >= FIRST_RESERVED_GDT_ENTRY + PAGE_ENTRIES) return null;
  return BY_WIDTH[width].get(index) ?? EMPTY;
};
