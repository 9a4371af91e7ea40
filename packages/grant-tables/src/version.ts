import type { Mfn } from "@xenolith/machine-interface";
import { type DomId, EBUSY, EINVAL, ENOMEM, EPERM, ERANGE, ESRCH } from "@xenolith/xen-abi";
import {
  GNTTAB_NR_RESERVED_ENTRIES,
  GTF_permit_access,
  GTF_reading,
  GTF_transitive,
  GTF_type_mask,
  GTF_writing,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import { type GrantTable, statusFrameCount } from "./grant-table.ts";
import { allocateFrames } from "./table-size.ts";
import type { SetVersionResult } from "./types.ts";

/** An entry of the toolstack's that survives a change of version. */
interface KeptEntry {
  /** With GTF_reading and GTF_writing, as in version 1. */
  readonly flags: number;
  readonly domid: DomId;
  readonly frame: Mfn;
}

const NOTHING: KeptEntry = { flags: 0, domid: 0 as DomId, frame: 0 as Mfn };

const USES = GTF_reading | GTF_writing;

const RESERVED = Array.from({ length: GNTTAB_NR_RESERVED_ENTRIES }, (_unused, ref) => ref);

const keptEntry = ({ entries }: GrantContext, table: GrantTable, ref: number): KeptEntry => {
  const flags = entries.flags(table, ref);
  const type = flags & GTF_type_mask;
  // Version 1 entries are taken as they are; of version 2 only what permits access means the same before and after.
  if (table.version === 2 && type !== GTF_permit_access)
    return { ...NOTHING, flags: entries.uses(table, ref) & USES };
  return {
    flags: table.version === 1 ? flags : flags | entries.uses(table, ref),
    domid: entries.domid(table, ref),
    frame: entries.offered(table, ref, 0).frame,
  };
};

const writeKept = ({ entries }: GrantContext, table: GrantTable, ref: number, kept: KeptEntry): void => {
  if (table.version === 1) {
    entries.write(table, ref, kept.flags, kept.domid, kept.frame);
    return;
  }
  entries.write(table, ref, kept.flags & ~USES, kept.domid, kept.frame);
  entries.addUse(table, ref, kept.flags & USES);
};

/** Whether version 1 can say what a reserved entry of version 2 says. */
const fitsVersion1 = ({ entries }: GrantContext, table: GrantTable, ref: number): boolean => {
  const flags = entries.flags(table, ref);
  const type = flags & GTF_type_mask;
  if (type === GTF_transitive) return false;
  return type !== GTF_permit_access || entries.offered(table, ref, 0).frame <= 0xffff_ffff;
};

/** Takes all status frames back, or none while the domain has any of them mapped. */
const dropStatusFrames = ({ host }: GrantContext, table: GrantTable): boolean => {
  if (!table.statusFrames.every((frame) => host.frames.isIdleShared(frame))) return false;
  for (const frame of table.statusFrames) host.frames.releaseShared(frame);
  table.statusFrames = [];
  return true;
};

const changeVersion = (context: GrantContext, table: GrantTable, version: 1 | 2): number => {
  if ([...table.active.keys()].some((ref) => ref >= GNTTAB_NR_RESERVED_ENTRIES)) return -EBUSY;
  if (version === 1 && !RESERVED.every((ref) => fitsVersion1(context, table, ref))) return -ERANGE;
  const added = version === 2 ? allocateFrames(context, table, statusFrameCount(table.frames.length)) : [];
  if (added === null) return -ENOMEM;
  const kept = RESERVED.map((ref) => keptEntry(context, table, ref));
  if (version === 1 && !dropStatusFrames(context, table)) return -EBUSY;
  context.entries.clear(table);
  table.statusFrames = [...table.statusFrames, ...added];
  table.version = version;
  for (const [ref, entry] of kept.entries()) writeKept(context, table, ref, entry);
  return 0;
};

/**
 * GNTTABOP_set_version: entries are cleared, but for the toolstack's. Refused while others are in use, and from 2 to 1 also
 * while the status frames are mapped, or an entry of the toolstack's has become something that version 1 cannot say.
 */
export const setVersion = (context: GrantContext, table: GrantTable, version: number): SetVersionResult => {
  const isKnown = version === 1 || version === 2;
  const isSame = version === table.version;
  const error = !isKnown ? -EINVAL : isSame ? 0 : changeVersion(context, table, version);
  return { error, version: table.version };
};

/** GNTTABOP_get_version. */
export const getVersion = (context: GrantContext, caller: GrantTable, domain: DomId): number => {
  const table = context.find(caller, domain);
  if (table === null) return -ESRCH;
  return table !== caller && !caller.privileged ? -EPERM : table.version;
};
