import type { MachineToPhysical, TableLevel } from "@xenolith/frame-table";
import {
  type AddressTranslator,
  type Asid,
  frameAddress,
  type MachineMemory,
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
 * its translations again, unless a table above level 1 has changed meanwhile: then they are forgotten, as loading CR3 would.
 *
 * What the spaces of a VCPU's bases hold is what the tables say, always: all tables are written by the hypervisor, which
 * forgets what a change makes wrong. So flushes that guests ask for have nothing to do.
 *
 * Kernels of x86_64 live in the upper half of the addresses, which all their bases have in common. Each of their VCPUs has one
 * space for its kernel, whatever the base, and a new base or a flush forgets the upper half only if a table that it was found
 * through has changed.
 */
export interface AddressSpaces {
  /** Makes `root`, a validated root table that the caller holds, what a VCPU translates by. */
  enter(vcpu: Vcpu, root: Mfn, role: BaseRole): void;
  /** Makes `root` ready as one of a VCPU's two bases (x86_64), which goes on with it later. The caller holds it. */
  prepare(vcpu: Vcpu, root: Mfn, role: BaseRole): void;
  /** The space of a VCPU's base; null where there is none, or it was entered never or not of late. */
  find(vcpu: Vcpu, role: BaseRole): Asid | null;
  /** Goes on with the other of two bases. Nothing is forgotten by that. */
  resume(vcpu: Vcpu, root: Mfn): void;
  /**
   * A present entry of a domain's tables above level 1 has changed: `index`; null: any. The spaces in use are flushed at once,
   * others the next time they are entered.
   */
  tableChanged(domain: DomId, level: TableLevel, table: Mfn, index: number | null): void;
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
}

interface RootSpace extends Space {
  /** Whether the machine-to-physical table is seen in it. */
  showsTable: boolean;
}

/** What a kernel of x86_64 is translated by. */
interface KernelSpace extends Space {
  root: Mfn;
  /** Generation of the domain's tables that its translations of the upper half belong to; {@link STALE}: of none. */
  upperGeneration: number;
}

interface DomainSpaces {
  readonly domain: Domain;
  /** By frame of the root, the least recently entered first. */
  readonly byRoot: Map<Mfn, RootSpace>;
  /** Of kernels of x86_64; null for guests of other widths. */
  readonly kernels: Map<Vcpu, KernelSpace> | null;
  /** Counts changes of tables above level 1. */
  generation: number;
  /** Counts those of tables that led to pages of the upper half. */
  upperGeneration: number;
}

const STALE = -1;
/** Of the entries of a root table of x86_64, the first that is for the upper half of the addresses. */
const UPPER_HALF_INDEX = 256;
const ROOT_WORDS = 1024;
/** No frame of a root. */
const NO_ROOT = -1;

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

/**
 * Makes the address spaces of a host.
 * @param tableWork how much work has been done on tables: another number once any but one of level 1 has been changed or validated
 */
export const createAddressSpaces = (
  { words }: Pick<MachineMemory, "words">,
  translator: AddressTranslator,
  machineToPhysical: () => MachineToPhysical,
  tableWork: () => number,
): AddressSpaces => {
  const domains = new Map<DomId, DomainSpaces>();
  /** The overlays of those who see the table, which all guests of a width share. */
  const overlays = new Map<GuestWidth, readonly OverlayMapping[]>();
  const overlaysOf = (width: GuestWidth): readonly OverlayMapping[] => {
    const known = overlays.get(width) ?? [tableOverlay(width, machineToPhysical())];
    overlays.set(width, known);
    return known;
  };

  const hasKernelSpace = ({ domain }: DomainSpaces, role: BaseRole): boolean =>
    domain.width === "x86_64" && role === "kernel";

  /** The space of a VCPU's base. */
  const spaceOf = (spaces: DomainSpaces, vcpu: Vcpu, role: BaseRole): Space | KernelSpace | null => {
    const root = role === "kernel" ? vcpu.pageTableBase : vcpu.userPageTableBase;
    if (root === null) return null;
    return (hasKernelSpace(spaces, role) ? spaces.kernels?.get(vcpu) : spaces.byRoot.get(root)) ?? null;
  };

  /** The spaces of the VCPUs' bases. */
  const inUse = (spaces: DomainSpaces): Set<Space | KernelSpace> => {
    const used = new Set<Space | KernelSpace>();
    for (const vcpu of spaces.domain.vcpus) {
      for (const role of ["kernel", "user"] as const) {
        const space = spaceOf(spaces, vcpu, role);
        if (space !== null) used.add(space);
      }
    }
    return used;
  };

  /** Ends the spaces that were not entered for longest, but neither `latest` nor any that a VCPU is in. */
  const trim = (spaces: DomainSpaces, latest: Space): void => {
    if (spaces.byRoot.size <= SPARE_SPACES) return;
    const used = new Set([latest.asid, ...[...inUse(spaces)].map(({ asid }) => asid)]);
    for (const { space } of spaces.domain.vcpus) if (space !== null) used.add(space);
    for (const [root, { asid }] of spaces.byRoot) {
      if (spaces.byRoot.size <= SPARE_SPACES + used.size) return;
      if (used.has(asid)) continue;
      translator.close(asid);
      spaces.byRoot.delete(root);
    }
  };

  /** Notes that what is in a space is in keeping with the tables. */
  const settle = (spaces: DomainSpaces, space: Space | KernelSpace): void => {
    space.generation = spaces.generation;
    if ("root" in space) space.upperGeneration = spaces.upperGeneration;
  };

  const flushSpace = (spaces: DomainSpaces, space: Space | KernelSpace): void => {
    const keepsUpperHalf = "root" in space && space.upperGeneration === spaces.upperGeneration;
    if (keepsUpperHalf) translator.invalidateLowerHalf(space.asid);
    else translator.invalidate(space.asid);
    settle(spaces, space);
  };

  /** The space of a root, new or known and then without what has become wrong. For a new one others may have to go. */
  const openRoot = (spaces: DomainSpaces, root: Mfn, role: BaseRole): Space => {
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

  /** Two roots that were found to have the same upper half, and how much work had been done on tables by then. */
  const alike = { one: NO_ROOT, other: NO_ROOT, work: 0 };

  /** Two roots that take turns are compared once, as long as no table of any level above the first has changed. */
  const haveSameUpperHalf = (one: Mfn, other: Mfn): boolean => {
    const areKnown =
      (alike.one === one && alike.other === other) || (alike.one === other && alike.other === one);
    if (areKnown && alike.work === tableWork()) return true;
    const [first, second] = [one * ROOT_WORDS, other * ROOT_WORDS];
    let word = 2 * UPPER_HALF_INDEX;
    while (word < ROOT_WORDS && words[first + word] === words[second + word]) word++;
    if (word < ROOT_WORDS) return false;
    alike.one = one;
    alike.other = other;
    alike.work = tableWork();
    return true;
  };

  /** The space of a VCPU's kernel (x86_64), with a root that it may not have had yet. */
  const openKernel = (spaces: DomainSpaces, vcpu: Vcpu, root: Mfn): Space => {
    const known = spaces.kernels?.get(vcpu);
    const context = (): PagingContext => pagingContext("x86_64", root, overlaysOf("x86_64"));
    if (known === undefined) {
      const { generation, upperGeneration } = spaces;
      const space = { asid: translator.open(context()), generation, root, upperGeneration };
      spaces.kernels?.set(vcpu, space);
      return space;
    }
    if (known.root !== root) {
      // Had the old root's upper half changed since, or were it no root any more, the space would be stale.
      const keepsUpperHalf =
        known.upperGeneration === spaces.upperGeneration && haveSameUpperHalf(known.root, root);
      if (keepsUpperHalf) translator.changeLowerHalf(known.asid, context());
      else translator.change(known.asid, context());
      known.root = root;
      settle(spaces, known);
    } else if (known.generation !== spaces.generation) flushSpace(spaces, known);
    return known;
  };

  const open = (spaces: DomainSpaces, vcpu: Vcpu, root: Mfn, role: BaseRole): Space =>
    hasKernelSpace(spaces, role) ? openKernel(spaces, vcpu, root) : openRoot(spaces, root, role);

  return {
    open(domain) {
      domains.set(domain.id, {
        domain,
        byRoot: new Map(),
        kernels: domain.width === "x86_64" ? new Map() : null,
        generation: 0,
        upperGeneration: 0,
      });
    },
    close(domain) {
      const spaces = domains.get(domain.id);
      if (spaces === undefined) return;
      for (const vcpu of domain.vcpus) vcpu.space = null;
      for (const { asid } of spaces.byRoot.values()) translator.close(asid);
      for (const { asid } of spaces.kernels?.values() ?? []) translator.close(asid);
      domains.delete(domain.id);
    },
    enter(vcpu, root, role) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      vcpu.space = open(spaces, vcpu, root, role).asid;
    },
    prepare(vcpu, root, role) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      open(spaces, vcpu, root, role);
    },
    find(vcpu, role) {
      const spaces = domains.get(vcpu.domain.id);
      return spaces === undefined ? null : (spaceOf(spaces, vcpu, role)?.asid ?? null);
    },
    resume(vcpu, root) {
      const spaces = domains.get(vcpu.domain.id);
      if (spaces === undefined) return;
      const role = vcpu.kernelMode ? "kernel" : "user";
      vcpu.space = (spaceOf(spaces, vcpu, role) ?? open(spaces, vcpu, root, role)).asid;
    },
    tableChanged(domain, level, table, index) {
      const spaces = domains.get(domain);
      if (spaces === undefined) return;
      spaces.generation++;
      if (translator.takeUpperHalfNote(table)) spaces.upperGeneration++;
      if (level === 4 && (index === null || index >= UPPER_HALF_INDEX)) {
        for (const space of spaces.kernels?.values() ?? [])
          if (space.root === table) space.upperGeneration = STALE;
      }
      for (const space of inUse(spaces)) flushSpace(spaces, space);
    },
  };
};
