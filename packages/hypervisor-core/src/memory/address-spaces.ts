import type { MachineToPhysical, TableLevel } from "@xenolith/frame-table";
import {
  type AddressTranslator,
  type Asid,
  frameAddress,
  type LinearAddress,
  type Mfn,
  type OverlayMapping,
  type PagingContext,
  type PagingFormat,
  toLinearAddress,
} from "@xenolith/machine-interface";
import type { DomId, GuestWidth } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import { VMASST_TYPE_m2p_strict } from "@xenolith/xen-abi/xen";
import { type Domain, hasAssist } from "../domain.ts";
import type { Vcpu } from "../vcpu.ts";

/**
 * The address spaces of guests: one for each page-table base that a domain has used of late. A base that comes back finds
 * its translations again, unless a table of the domain has changed meanwhile: then they are forgotten, as loading CR3 would.
 */
export interface AddressSpaces {
  /** Makes `root`, a validated root table that the caller holds, what a VCPU translates by. */
  enter(vcpu: Vcpu, root: Mfn, role: BaseRole): void;
  /** Makes `root` ready as one of a VCPU's two bases (x86_64), which goes on with it later. The caller holds it. */
  prepare(vcpu: Vcpu, root: Mfn, role: BaseRole): void;
  /** The space of a root that is a base of a VCPU; null where it has been entered never or not of late. */
  find(vcpu: Vcpu, root: Mfn): Asid | null;
  /** Goes on with the other of two bases. Nothing is forgotten by that: flushes are for both. */
  resume(vcpu: Vcpu, root: Mfn): void;
  /** Forgets the translations of a VCPU's bases: all of them, or those of one page. */
  flush(vcpu: Vcpu, at?: LinearAddress): void;
  /**
   * A present entry of a domain's tables has changed. From level 2 up the spaces in use are flushed at once; others, and
   * changes at level 1, wait for the guest's flush or for the next time the space is entered.
   */
  tableChanged(domain: DomId, level: TableLevel): void;
  /** Makes a domain known. */
  open(domain: Domain): void;
  /** Ends all spaces of a domain. Its VCPUs have none any more. */
  close(domain: Domain): void;
}

/** What a root is the base of. On x86_64 user mode has its own; with the assist m2p_strict it sees no M2P table. [XEN xen.h] */
export type BaseRole = "kernel" | "user";

/** Spaces kept for a domain beyond those in use. */
const SPARE_SPACES = 8;

const FORMAT: Readonly<Record<GuestWidth, PagingFormat>> = {
  x86_32: "two-level",
  x86_32p: "pae",
  x86_64: "long",
};

/** Last linear address a guest may use: on x86_32 the end of the M2P table, elsewhere whatever its segments allow. */
const LINEAR_LIMIT: Readonly<Record<GuestWidth, number | null>> = {
  x86_32: 0xfc3f_ffff,
  x86_32p: null,
  x86_64: null,
};

interface Space {
  readonly asid: Asid;
  /** Generation of the domain's tables that its translations belong to. */
  generation: number;
  /** Whether the machine-to-physical table is seen in it. */
  showsTable: boolean;
}

interface DomainSpaces {
  readonly domain: Domain;
  /** By frame of the root, the least recently entered first. */
  readonly byRoot: Map<Mfn, Space>;
  /** Counts changes of present entries. */
  generation: number;
}

/** The machine-to-physical table where guests of a width look for it. */
const tableOverlay = (width: GuestWidth, table: MachineToPhysical): OverlayMapping => ({
  start: toLinearAddress(HYPERVISOR_RANGE[width].machToPhysStart),
  frames: width === "x86_64" ? table.wideFrames : table.frames,
  writable: false,
  user: width === "x86_64",
});

/** How a guest of a width is translated from a root. The monitor shows it nothing but `overlays`. */
const pagingContext = (width: GuestWidth, root: Mfn, overlays: readonly OverlayMapping[]): PagingContext => ({
  format: FORMAT[width],
  rootAddress: frameAddress(root),
  writeProtect: true,
  noExecute: width !== "x86_32",
  softwareBits: true,
  largePages: false,
  globalPages: false,
  supervisorExecutionPrevention: false,
  linearLimit: LINEAR_LIMIT[width],
  overlays,
});

const NO_OVERLAYS: readonly OverlayMapping[] = [];

/** Makes the address spaces of a host. */
export const createAddressSpaces = (
  translator: AddressTranslator,
  machineToPhysical: () => MachineToPhysical,
): AddressSpaces => {
  const domains = new Map<DomId, DomainSpaces>();
  /** The overlays of those who see the table, which all guests of a width share. */
  const overlays = new Map<GuestWidth, readonly OverlayMapping[]>();
  const overlaysOf = (width: GuestWidth): readonly OverlayMapping[] => {
    const known = overlays.get(width) ?? [tableOverlay(width, machineToPhysical())];
    overlays.set(width, known);
    return known;
  };

  const spaceOf = ({ byRoot }: DomainSpaces, root: Mfn | null): Space | null =>
    root === null ? null : (byRoot.get(root) ?? null);

  /** The space that each VCPU is in, and those of its bases. */
  const inUse = (spaces: DomainSpaces): Set<Asid> => {
    const used = new Set<Asid>();
    for (const { space, pageTableBase, userPageTableBase } of spaces.domain.vcpus) {
      if (space !== null) used.add(space);
      const kernel = spaceOf(spaces, pageTableBase);
      if (kernel !== null) used.add(kernel.asid);
      const user = spaceOf(spaces, userPageTableBase);
      if (user !== null) used.add(user.asid);
    }
    return used;
  };

  /** Ends the spaces that were not entered for longest, but neither `latest` nor any that a VCPU is in. */
  const trim = (spaces: DomainSpaces, latest: Space): void => {
    if (spaces.byRoot.size <= SPARE_SPACES) return;
    const used = inUse(spaces).add(latest.asid);
    for (const [root, { asid }] of spaces.byRoot) {
      if (spaces.byRoot.size <= SPARE_SPACES + used.size) return;
      if (used.has(asid)) continue;
      translator.close(asid);
      spaces.byRoot.delete(root);
    }
  };

  const flushSpace = (spaces: DomainSpaces, space: Space): void => {
    translator.invalidate(space.asid);
    space.generation = spaces.generation;
  };

  /** Forgets the translations of a base, all of them or those of one page. */
  const flushBase = (spaces: DomainSpaces, root: Mfn | null, at?: LinearAddress): void => {
    const space = spaceOf(spaces, root);
    if (space === null) return;
    if (at === undefined) flushSpace(spaces, space);
    else translator.invalidate(space.asid, at);
  };

  /** The space of a root, new or known and then without what has become wrong. For a new one others may have to go. */
  const open = (spaces: DomainSpaces, root: Mfn, role: BaseRole): Space => {
    const { domain, generation } = spaces;
    const known = spaces.byRoot.get(root);
    const showsTable = role === "kernel" || !hasAssist(domain, VMASST_TYPE_m2p_strict);
    const context = (): PagingContext =>
      pagingContext(domain.width, root, showsTable ? overlaysOf(domain.width) : NO_OVERLAYS);
    const space = known ?? { asid: translator.open(context()), generation, showsTable };
    if (space.showsTable !== showsTable) {
      translator.change(space.asid, context());
      space.showsTable = showsTable;
    }
    if (space.generation !== spaces.generation) flushSpace(spaces, space);
    spaces.byRoot.delete(root);
    spaces.byRoot.set(root, space);
    if (known === undefined) trim(spaces, space);
    return space;
  };

  return {
    open(domain) {
      domains.set(domain.id, { domain, byRoot: new Map(), generation: 0 });
    },
    close(domain) {
      const spaces = domains.get(domain.id);
      if (spaces === undefined) return;
      for (const vcpu of domain.vcpus) vcpu.space = null;
      for (const { asid } of spaces.byRoot.values()) translator.close(asid);
      domains.delete(domain.id);
    },
    enter(vcpu, root, role) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      vcpu.space = open(spaces, root, role).asid;
    },
    prepare(vcpu, root, role) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      open(spaces, root, role);
    },
    find: (vcpu, root) => domains.get(vcpu.domain.id)?.byRoot.get(root)?.asid ?? null,
    resume(vcpu, root) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      vcpu.space = (spaces.byRoot.get(root) ?? open(spaces, root, vcpu.kernelMode ? "kernel" : "user")).asid;
    },
    flush(vcpu, at) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      flushBase(spaces, vcpu.pageTableBase, at);
      if (vcpu.userPageTableBase !== vcpu.pageTableBase) flushBase(spaces, vcpu.userPageTableBase, at);
    },
    tableChanged(domain, level) {
      const spaces = domains.get(domain);
      if (spaces === undefined) return;
      spaces.generation++;
      if (level === 1) return;
      for (const asid of inUse(spaces)) translator.invalidate(asid);
    },
  };
};
