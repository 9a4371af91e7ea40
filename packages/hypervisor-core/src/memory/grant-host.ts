import { type EntryPosition, FRAME_TYPE, type FrameTable, type TableEntry } from "@xenolith/frame-table";
import type {
  GrantFrames,
  GrantHost,
  GrantPageTables,
  MappingPlace,
  MappingRights,
} from "@xenolith/grant-tables";
import {
  frameOf,
  type MachineAddress,
  type MachineMemory,
  type Mfn,
  PAGE_SIZE,
  toLinearAddress,
  toMachineAddress,
} from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";
import type { DomId } from "@xenolith/xen-abi";
import { RUNSTATE_running } from "@xenolith/xen-abi/vcpu";
import { isGuestRange } from "../guest-memory.ts";
import type { FindDomain } from "./parts.ts";

/** What grant tables are given to work with. */
export interface GrantHostParts {
  readonly memory: MachineMemory;
  readonly frames: FrameTable;
  readonly findDomain: FindDomain;
  readonly flushFrame: (frame: Mfn) => void;
}

/** Lowest of the three available bits of a page-table entry. */
const AVAILABLE_SHIFT = 9;

const NO_ENTRY: TableEntry = { low: 0, high: 0 };
/** No execution, in the upper half of a 64-bit entry: code of others is not run. */
const NO_EXECUTE_HIGH = 0x8000_0000;

const createGrantFrames = (frames: FrameTable): GrantFrames => ({
  getPage: frames.getPage,
  putPage: frames.putPage,
  getWritablePage: (frame, owner) => frames.getPageAndType(frame, owner, FRAME_TYPE.writable) === 0,
  putWritablePage: frames.putPageAndType,
  allocateShared(domain) {
    const frame = frames.allocateMonitor();
    if (frame !== null) frames.shareMonitor(frame, domain, true);
    return frame;
  },
  // One reference is the lender's own.
  isIdleShared: (frame) => frames.describe(frame)?.count === 1,
  releaseShared: frames.releaseMonitor,
  exists: frames.exists,
  ownerOf: frames.ownerOf,
  steal: (frame, owner) => frames.steal(owner, frame) === 0,
  assign: (frame, domain) => frames.assign(domain, frame) === 0,
  discard: frames.discard,
  setPhysicalNumber: frames.machineToPhysical.write,
});

const createGrantPageTables = ({ frames, findDomain }: GrantHostParts): GrantPageTables => {
  /** Root through which a domain means a linear address: that of its VCPU that is making the call. */
  const rootOf = (id: DomId): Mfn | null => {
    const vcpus = findDomain(id)?.vcpus ?? [];
    const caller = vcpus.find(({ runstate }) => runstate === RUNSTATE_running) ?? vcpus[0];
    return caller?.pageTableBase ?? null;
  };

  const findEntry = (domain: DomId, { kind, address }: MappingPlace): MachineAddress | null => {
    if (kind === "entry") return toMachineAddress(address);
    const root = rootOf(domain);
    return root === null ? null : frames.findLevel1Entry(domain, root, toLinearAddress(address));
  };

  /** Where a place is; null where there is no domain, no table or no entry that starts there. */
  const locate = (domain: DomId, place: MappingPlace): EntryPosition | null => {
    const width = findDomain(domain)?.width;
    if (width === undefined) return null;
    if (place.kind === "linear" && !isGuestRange(width, place.address, 1)) return null;
    const at = findEntry(domain, place);
    const entryBytes = width === "x86_32" ? 4 : 8;
    if (at === null || at % entryBytes !== 0) return null;
    return { table: frameOf(at), index: (at % PAGE_SIZE) / entryBytes };
  };

  /** Cache attributes mean nothing for RAM here and are left out. */
  const entryFor = (domain: DomId, frame: Mfn, { writable, user, available }: MappingRights): TableEntry => {
    const rights = (writable ? PTE.writable : 0) | (user ? PTE.user : 0) | (available << AVAILABLE_SHIFT);
    const flags =
      PTE.present | PTE.accessed | PTE.dirty | (rights & (PTE.writable | PTE.user | PTE.available));
    const noExecute = findDomain(domain)?.width === "x86_32" ? 0 : NO_EXECUTE_HIGH;
    return { low: entryLow(frame, flags), high: (entryHigh(frame) | noExecute) >>> 0 };
  };

  return {
    install(domain, place, frame, rights) {
      const at = locate(domain, place);
      return (
        at !== null && frames.installHeld(at.table, at.index, entryFor(domain, frame, rights), domain) === 0
      );
    },
    remove(domain, place, frame, writable, newAddress) {
      const at = locate(domain, place);
      if (newAddress === 0)
        return at !== null && frames.withdrawHeld(at.table, at.index, frame, writable, domain) === 0;
      const other = locate(domain, { kind: "linear", address: newAddress });
      if (other === null) return false;
      if (at !== null) return frames.withdrawHeld(at.table, at.index, frame, writable, domain, other) === 0;
      // The entry that was to move is taken from its place before the place where it was to go is looked for.
      frames.updateEntry(other.table, other.index, NO_ENTRY, { domain, mapped: domain });
      return false;
    },
  };
};

/** Makes what grant tables need of frames and of guests' page tables. [XEN grant_table.h] */
export const createGrantHost = (parts: GrantHostParts): GrantHost => ({
  memory: parts.memory,
  frames: createGrantFrames(parts.frames),
  pageTables: createGrantPageTables(parts),
  flushFrame: parts.flushFrame,
});
