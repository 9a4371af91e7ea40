import type { FrameTable, TableEntry } from "@xenolith/frame-table";
import {
  frameOf,
  type LinearAddress,
  type MachineAddress,
  type Mfn,
  PAGE_SIZE,
} from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";
import type { Vcpu } from "../vcpu.ts";

/** Where a grant is mapped in a guest's address space. [XEN grant_table.h] GNTMAP_contains_pte */
export type GrantPlace =
  /** At a linear address of the VCPU that maps it. */
  | { readonly kind: "address"; readonly address: LinearAddress }
  /** In the level-1 entry at a machine address. */
  | { readonly kind: "entry"; readonly entry: MachineAddress };

/** Rights and kind of a mapping. */
export interface GrantRights {
  readonly writable: boolean;
  /** GNTMAP_application_map: ring 3 may use it. */
  readonly user: boolean;
  /** Software bits 11:9 for the entry. */
  readonly available: number;
}

/**
 * Page-table entries for granted frames. The caller (grant tables) holds a reference to the frame, and for writable mappings
 * a use as writable, for each mapping: installing passes them to the entry, removing passes them back. All answer false
 * where the entry cannot be found, is in no level-1 table of the domain or is another than expected: GNTST_general_error.
 */
export interface GrantMappings {
  install(vcpu: Vcpu, place: GrantPlace, frame: Mfn, rights: GrantRights): boolean;
  /** Empties the entry; no translation of it is left. */
  remove(vcpu: Vcpu, place: GrantPlace, frame: Mfn, writable: boolean): boolean;
}

/** Makes the entries of granted frames. */
export const createGrantMappings = (frames: FrameTable): GrantMappings => {
  const findEntry = ({ domain, pageTableBase }: Vcpu, place: GrantPlace): MachineAddress | null => {
    if (place.kind === "entry") return place.entry;
    return pageTableBase === null ? null : frames.findLevel1Entry(domain.id, pageTableBase, place.address);
  };

  /** Table and index of an entry; null where no entry starts. */
  const locate = (vcpu: Vcpu, place: GrantPlace): { table: Mfn; index: number } | null => {
    const at = findEntry(vcpu, place);
    const entryBytes = vcpu.domain.width === "x86_32" ? 4 : 8;
    if (at === null || at % entryBytes !== 0) return null;
    return { table: frameOf(at), index: (at % PAGE_SIZE) / entryBytes };
  };

  const entryFor = (frame: Mfn, { writable, user, available }: GrantRights): TableEntry => {
    const rights = (writable ? PTE.writable : 0) | (user ? PTE.user : 0) | (available & PTE.available);
    return { low: entryLow(frame, PTE.present | PTE.accessed | PTE.dirty | rights), high: entryHigh(frame) };
  };

  return {
    install(vcpu, place, frame, rights) {
      const at = locate(vcpu, place);
      return (
        at !== null && frames.installHeld(at.table, at.index, entryFor(frame, rights), vcpu.domain.id) === 0
      );
    },
    remove(vcpu, place, frame, writable) {
      const at = locate(vcpu, place);
      return at !== null && frames.withdrawHeld(at.table, at.index, frame, writable, vcpu.domain.id) === 0;
    },
  };
};
