import type { Asid, LinearAddress, Mfn } from "./addresses.ts";

/**
 * Kind and circumstances of an access, as bits: the low two bits say read (0), write (1) or execute (2).
 * - `user`: made with user privilege (CPL 3). The U/S bit of page tables applies. [SDM3A-4.6]
 * - `narrow`: the address was computed in 32-bit code. Only the low 32 bits of a TLB tag are compared by such code, so
 *   narrow and wide accesses of one space never share an entry.
 */
export const ACCESS = { read: 0, write: 1, execute: 2, kindMask: 3, user: 4, narrow: 8 } as const;

/** Bits of {@link ACCESS}. */
export type Access = number;

/** Format of the page tables of a space. `none`: linear address = machine address. [SDM3A-4.1] */
export type PagingFormat = "none" | "two-level" | "pae" | "long";

/** All that decides how linear addresses of a space are translated. Immutable: a change is a new context. */
export interface PagingContext {
  readonly format: PagingFormat;
  /** Machine address of the root table (CR3 without its flag bits). Ignored for `none`. */
  readonly rootAddress: number;
  /**
   * The four root entries of `pae`, where the processor keeps those that it read when the root was set. Default: they are
   * read whenever tables are walked. [SDM3A-4.4.1]
   */
  readonly rootEntries?: readonly bigint[];
  /** CR0.WP: supervisor writes respect read-only pages. Always true under a monitor. */
  readonly writeProtect: boolean;
  /** EFER.NXE: bit 63 of an entry forbids execution; else it is reserved. */
  readonly noExecute: boolean;
  /** CR4.PSE for `two-level`: 4 MiB pages. PAE and long formats always know large pages. */
  readonly largePages: boolean;
  /**
   * Whether bits 62:52 of `pae` entries below the root are free for software, as they are in long format: a monitor that
   * walks such tables by long format's rules leaves them to its guests. Default: they are reserved.
   */
  readonly softwareBits?: boolean;
  /** Whether long format knows pages of 1 GiB, as CPUID says. Default: no, and bit 7 is reserved at level 3. */
  readonly hugePages?: boolean;
  /** CR4.PGE: entries marked global may survive a change of root. */
  readonly globalPages: boolean;
  /** CR4.SMEP: supervisor may not execute user pages. */
  readonly supervisorExecutionPrevention: boolean;
  /** Last linear address that may be used with this space (0xFFFFFFFF for a flat 4 GiB segment); null: no limit. */
  readonly linearLimit: number | null;
  /** Ranges that the monitor maps in front of the guest's own tables. */
  readonly overlays: readonly OverlayMapping[];
}

/** A range of linear addresses mapped by the monitor, whatever the guest's tables say (for instance the M2P table). */
export interface OverlayMapping {
  /** First linear address, page-aligned. */
  readonly start: LinearAddress;
  /** Frames behind it, page by page: `frames[i]` lies at `start + i * 4096`. */
  readonly frames: readonly Mfn[];
  readonly writable: boolean;
  /** Whether CPL 3 may use it. */
  readonly user: boolean;
  /** Whether code may be run there. Default: not. */
  readonly executable?: boolean;
}

/** Outcome of a refill. `filled`: try again through the TLB. `direct`: not to be cached. `fault`: see the mailbox. */
export const REFILL = { filled: 0, direct: 1, fault: 2 } as const;

/** One value of {@link REFILL}. */
export type RefillResult = number;

/**
 * Where a refill leaves its details, as offsets from {@link TlbRegion.mailbox}.
 * - `hostAddress` u32: after `direct`, offset in memory of the accessed byte, valid for this one access within its page.
 *   After a write through it the executor calls `MachineMemory.written`.
 * - `errorCode` u32: after `fault`, the page-fault error code P|W|U|RSVD|I. [SDM3A-4.7]
 * - `address` f64: after `fault`, the linear address for CR2.
 * - `reason` u32: after `fault`, one value of {@link REFILL_REASON}.
 */
export const REFILL_MAILBOX = {
  hostAddress: 0,
  errorCode: 4,
  address: 8,
  reason: 16,
  sizeBytes: 32,
} as const;

/**
 * Why a refill faulted: #PF, a segment limit enforced by the space (#GP(0), or #SS(0) on the stack), or not canonical.
 * `withheld` is none of the guest's faults: the page is not to be in the TLB, and whoever is in generated code leaves the
 * access to TypeScript, which asks `refill`. A fault may be raised from generated code only where the reason says which.
 */
export const REFILL_REASON = { pageFault: 0, linearLimit: 1, notCanonical: 2, withheld: 3 } as const;

/**
 * Layout of the software TLB: three direct-mapped arrays (read, write, execute) of `TLB_ENTRY_COUNT` entries of 16 bytes.
 * The entry for a linear address has the index {@link tlbIndex}.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | tag: page's linear address | space tag in the low 12 bits; -1 when empty |
 * | 8 | u32 | addend: offset in memory = (low 32 bits of the linear address + addend) mod 2^32 |
 * | 12 | u32 | frame number, for invalidation by frame |
 *
 * A write entry exists only where the page-table entry is writable and already dirty and the frame is not watched, so a
 * hit needs no further work: what may be written may be read, so that reads may use a write entry too. An access that crosses a page never hits: `(address + size - 1) & ~0xfff` is compared with
 * the tag found at the index of `address`.
 */
export const TLB_ENTRY_COUNT = 4096;
/** Bits of an index that {@link tlbIndex} folds bits 42:32 of an address into. */
export const TLB_FOLDED = 0xffe;
/**
 * Index of a linear address' entry in the arrays of the software TLB: bits 23:12, with bits 42:32 of addresses of an upper half folded
 * into all but the lowest of them. What a 64-bit kernel maps lies at the same offsets of areas far from one another. The lowest bit
 * stays, so that a page never has the index of the next one, folded or not: an access that crosses a page would find the wrong entry.
 */
export const tlbIndex = (address: number): number => {
  const folded = address < 0 ? Math.floor(address / 2 ** 31) & TLB_FOLDED : 0;
  return ((address >>> 12) ^ folded) & (TLB_ENTRY_COUNT - 1);
};
/** Bytes of an entry. */
export const TLB_ENTRY_BYTES = 16;
/** Offsets of the fields of an entry, as {@link TLB_ENTRY_COUNT} describes them. */
export const TLB_ENTRY = { tag: 0, addend: 8, frame: 12 } as const;

/**
 * Low 12 bits of a tag: a space number in bits 11:2, `narrow` in bit 1, `user` in bit 0. {@link AddressTranslator.activate}
 * gives the space number in place; the executor ors in these two.
 */
export const TLB_TAG = { user: 1, narrow: 2 } as const;

/**
 * Offsets in machine memory of the parts of the TLB.
 * - `largeRange`: two i64, the first and the last address of a range of the active space that holds all pages of more than
 *   4 KiB that are cached; none while first > last. To forget an address outside it, generated code may empty the three
 *   entries of its index that carry the space's number; within it, it takes {@link AddressTranslator.invalidate}.
 */
export interface TlbRegion {
  readonly read: number;
  readonly write: number;
  readonly execute: number;
  readonly mailbox: number;
  readonly largeRange: number;
}

/**
 * Refill of the *active* space as generated code calls it: a function of type (f64 linear address, i32 access) -> i32
 * {@link RefillResult}. May be an exported WebAssembly function or a JavaScript one.
 */
export type TlbRefillFunction = (at: number, access: number) => number;

/** What an address means, found without setting accessed or dirty bits and without filling the TLB. */
export type ProbeResult =
  | { readonly mapped: true; readonly frame: Mfn; readonly writable: boolean; readonly user: boolean }
  | { readonly mapped: false; readonly errorCode: number };

/** Turns linear into machine addresses: owns the TLB and walks the page tables. One space is active at a time. */
export interface AddressTranslator {
  readonly tlb: TlbRegion;
  /** Refill of the active space, to be imported by generated code. */
  readonly refillActive: TlbRefillFunction;
  /** Creates a space. */
  open(context: PagingContext): Asid;
  /** Gives a space another context (for instance a new CR3) and forgets its entries. Cost: constant. */
  change(space: Asid, context: PagingContext): void;
  /** The context a space has now. */
  contextOf(space: Asid): PagingContext;
  /** Ends a space and forgets its entries. The name may be given out again. */
  close(space: Asid): void;
  /**
   * Makes a space the active one and returns its space tag (bits 11:2; low two bits clear). Executors call it whenever
   * they start running and whenever the space may have been changed or flushed since. Cost: a few loads when already active.
   */
  activate(space: Asid): number;
  /**
   * Translates one address of any space for a TypeScript caller, setting accessed and dirty bits as the processor would.
   * On success the mailbox' `hostAddress` is set (whether the result is `filled` or `direct`).
   */
  refill(space: Asid, at: LinearAddress, access: Access): RefillResult;
  /** Looks without touching: no accessed or dirty bits, no fill. */
  probe(space: Asid, at: LinearAddress, access: Access): ProbeResult;
  /** Forgets one page of a space, or all of it. */
  invalidate(space: Asid, at?: LinearAddress): void;
  /**
   * Gives a space of `long` format another context under which the upper half of its linear addresses, those below zero, means
   * what it meant before, and forgets the lower half. Cost: by what is cached of that.
   */
  changeLowerHalf(space: Asid, context: PagingContext): void;
  /** Forgets the lower half of a space of `long` format. Cost: by what is cached of it. */
  invalidateLowerHalf(space: Asid): void;
  /**
   * Takes away the note that a table led to a cached page of an upper half. Only tables between the root and those of level 1
   * get notes.
   * @returns whether there was one: else no upper half depends on what the table holds
   */
  takeUpperHalfNote(table: Mfn): boolean;
  /** Forgets every entry of every space that leads to this frame. Cheap when there is none. */
  invalidateFrame(frame: Mfn): void;
}
