import type { MappedPages } from "@xenolith/domain-interface";
import type { Asid, LinearAddress, Mfn } from "@xenolith/machine-interface";
import type { DescriptorSource } from "@xenolith/x86-architecture";
import type { Pfn } from "@xenolith/xen-abi";
import type { Domain } from "./domain.ts";
import type { Hypercall } from "./hypercalls/context.ts";
import type { Vcpu } from "./vcpu.ts";

/**
 * What the rest of the core asks of the memory side (`memory/`): frames of domains, address spaces, descriptor tables and
 * the memory hypercalls. Numbers are 0 or a count on success, negative errnos otherwise.
 */
export interface MemoryManager {
  /** mmu_update, mmuext_op, update_va_mapping, memory_op, set_gdt, update_descriptor. */
  readonly hypercalls: readonly Hypercall[];

  /** Takes a frame for shared_info, zeroed, and makes the domain known to the frame table. @returns 0 or -ENOMEM. */
  openDomain(domain: Domain): number;
  /**
   * Gives back what a dying domain has: page-table bases, pins, descriptor tables, pages.
   * @returns true when nothing is left; else it is called again, also after foreign mappings have gone.
   */
  closeDomain(domain: Domain): boolean;
  /** Pages the domain owns. */
  pageCount(domain: Domain): number;
  /** Pages the domain may own. */
  maximumPageCount(domain: Domain): number;
  /** Says how many it may own from now on. It keeps what it has. */
  setMaximumPageCount(domain: Domain, pages: number): void;

  /** The virtual GDT and LDT of a VCPU, as its executor reads them. */
  descriptorSource(vcpu: Vcpu): DescriptorSource;
  /** Before a VCPU runs: carries out flushes that wait for it and sets `vcpu.space`. */
  prepareRun(vcpu: Vcpu): void;
  /** Loads a page-table base as MMUEXT_NEW_BASEPTR does. Holds a reference; `vcpu.pageTableBase` changes on success. */
  loadPageTableBase(vcpu: Vcpu, frame: Mfn): number;
  /** x86_64: as MMUEXT_NEW_USER_BASEPTR does. */
  loadUserPageTableBase(vcpu: Vcpu, frame: Mfn): number;
  /** The address space of a mode's page-table base, or null while there is none. */
  spaceOf(vcpu: Vcpu, mode: "kernel" | "user"): Asid | null;
  /** Where the processor may look for what is known of frames, to update a VCPU's tables on its own; 0: it may not. */
  frameRecordsFor(vcpu: Vcpu): number;
  /** x86_64: changes between the two bases. */
  toggleUserMode(vcpu: Vcpu): void;
  /** Loads a GDT as set_gdt does, for VCPUOP_initialise. */
  loadGdt(vcpu: Vcpu, frames: readonly Mfn[], entries: number): number;
  /** Loads an LDT as MMUEXT_SET_LDT does. */
  loadLdt(vcpu: Vcpu, base: LinearAddress, entries: number): number;
  /**
   * Looks at a page fault before the guest does.
   * @returns true when it has been dealt with (an emulated page-table write) and the guest goes on.
   */
  handlePageFault(vcpu: Vcpu, address: LinearAddress, errorCode: number): boolean;

  /** Zeroed frames for a domain, within its maximum. */
  allocateFrames(domain: Domain, count: number): Mfn[] | number;
  /** Frames of the domain, ordered by the M2P table. */
  framesOf(domain: Domain): Mfn[];
  /** The pseudo-physical number of a frame, or null. */
  physicalNumberOf(frame: Mfn): Pfn | null;
  /**
   * Access from TypeScript to frames of a domain; each is held until the handle is released, of which `onRelease` is told.
   * @returns -EINVAL when one is not its own.
   */
  mapFrames(
    domain: Domain,
    frames: readonly Mfn[],
    writable: boolean,
    onRelease?: () => void,
  ): MappedPages | number;
  /** Enters pseudo-physical numbers into the machine-to-physical table. */
  setPhysicalNumbers(domain: Domain, frames: readonly Mfn[], first: Pfn): number;
  /** Validates and pins `root` and makes it VCPU 0's base. */
  setInitialPageTableBase(domain: Domain, root: Mfn): number;
  /** Takes a reference and the writable type of a frame of the domain (vcpu_info). @returns 0 or -EINVAL. */
  holdWritable(domain: Domain, frame: Mfn): number;
  /** Gives back what {@link holdWritable} took. */
  releaseWritable(domain: Domain, frame: Mfn): void;
}
