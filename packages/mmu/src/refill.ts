import {
  ACCESS,
  type Access,
  type MachineMemory,
  type ProbeResult,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  type RefillResult,
  toMfn,
} from "@xenolith/machine-interface";
import { PAGE_FAULT } from "@xenolith/x86-architecture";
import { findOverlayPage } from "./overlays.ts";
import { PageWalk } from "./page-walk.ts";
import { faultCode, isPermitted, type PageRights } from "./permission.ts";
import type { Space } from "./space.ts";
import type { SoftwareTlb } from "./tlb.ts";

/** First linear address above the lower canonical half. */
const CANONICAL_END = 2 ** 47;

/** Widens the range of a space's large pages by the one around an address. */
const coverLargePage = (space: Space, at: number, pages: number): void => {
  const first = Math.floor(at / (pages * 4096)) * pages * 4096;
  const last = first + pages * 4096 - 1;
  const isEmpty = space.largeFirst > space.largeLast;
  space.largeFirst = isEmpty ? first : Math.min(space.largeFirst, first);
  space.largeLast = isEmpty ? last : Math.max(space.largeLast, last);
};

/** Offset within its page of any exact linear address. */
const pageOffset = (at: number): number => (at >>> 0) & 0xfff;

/**
 * Refill in TypeScript: the reference, and what the generated walker leaves to it.
 *
 * A page outside RAM is answered with a scratch page of ones that is never cached: reads give ones, writes get lost. To
 * execute there faults as a reserved bit would.
 */
export class Refill {
  readonly #memory: MachineMemory;
  readonly #tlb: SoftwareTlb;
  readonly #walk: PageWalk;
  /** Frame-aligned page above RAM that stands for memory that is not there. */
  readonly #scratchAddress: number;

  constructor(memory: MachineMemory, tlb: SoftwareTlb, physicalAddressBits: number) {
    this.#memory = memory;
    this.#tlb = tlb;
    this.#walk = new PageWalk(memory, physicalAddressBits);
    this.#scratchAddress = Math.ceil(memory.reserve(2 * 4096) / 4096) * 4096;
  }

  /** Translates one address, sets accessed and dirty bits, and fills the TLB. */
  refill(space: Space, at: number, access: Access): RefillResult {
    if (at > space.linearLimit) return this.#fault(at, 0, REFILL_REASON.linearLimit);
    if (space.context.format === "long" && (at >= CANONICAL_END || at < -CANONICAL_END)) {
      return this.#fault(at, 0, REFILL_REASON.notCanonical);
    }
    const overlay = findOverlayPage(space.context.overlays, at);
    if (overlay !== null) {
      if (!isPermitted(space, overlay, access)) return this.#refuse(space, at, access);
      return this.#complete(space, at, access, overlay.frame);
    }
    const walk = this.#walk;
    if (!walk.walk(space, at))
      return this.#fault(at, faultCode(space, access, walk.failure), REFILL_REASON.pageFault);
    if (!isPermitted(space, walk, access)) return this.#refuse(space, at, access);
    walk.touch((access & ACCESS.kindMask) === ACCESS.write);
    if (walk.pages > 1) coverLargePage(space, at, walk.pages);
    if (at < 0) this.#noteTables();
    return this.#complete(space, at, access, walk.frame);
  }

  /** What an address means, without touching anything. */
  probe(space: Space, at: number, access: Access): ProbeResult {
    const walk = this.#walk;
    const overlay = findOverlayPage(space.context.overlays, at);
    let page: (PageRights & { readonly frame: number }) | null = overlay;
    if (at > space.linearLimit) return { mapped: false, errorCode: faultCode(space, access, 0) };
    if (page === null) {
      if (!walk.walk(space, at)) return { mapped: false, errorCode: faultCode(space, access, walk.failure) };
      page = walk;
    }
    if (page.frame >= this.#memory.frameCount) {
      return { mapped: false, errorCode: faultCode(space, access, PAGE_FAULT.present | PAGE_FAULT.reserved) };
    }
    if (!isPermitted(space, page, access)) {
      return { mapped: false, errorCode: faultCode(space, access, PAGE_FAULT.present) };
    }
    return { mapped: true, frame: toMfn(page.frame), writable: page.writable, user: page.user };
  }

  /** Notes that a page of an upper half is found through the tables of the walk. */
  #noteTables(): void {
    for (const table of this.#walk.tablesBetween())
      if (table < this.#memory.frameCount) this.#tlb.noteUpperHalf(table);
  }

  #complete(space: Space, at: number, access: Access, frame: number): RefillResult {
    const kind = access & ACCESS.kindMask;
    if (frame >= this.#memory.frameCount) {
      if (kind === ACCESS.execute) {
        const code = faultCode(space, access, PAGE_FAULT.present | PAGE_FAULT.reserved);
        return this.#fault(at, code, REFILL_REASON.pageFault);
      }
      this.#memory.bytes.fill(0xff, this.#scratchAddress, this.#scratchAddress + 4096);
      return this.#answer(REFILL.direct, this.#scratchAddress + pageOffset(at));
    }
    const hostAddress = frame * 4096 + pageOffset(at);
    if (kind === ACCESS.write && this.#memory.bytes[this.#memory.watchTableOffset + frame] !== 0) {
      return this.#answer(REFILL.direct, hostAddress);
    }
    // Without a tag nothing can be cached: an executor that did not activate the space again still gets on.
    if (space.tag === 0) return this.#answer(REFILL.direct, hostAddress);
    this.#tlb.fill(at - pageOffset(at), space.tag, access, frame);
    return this.#answer(REFILL.filled, hostAddress);
  }

  #answer(result: RefillResult, hostAddress: number): RefillResult {
    this.#memory.view.setUint32(this.#tlb.region.mailbox + REFILL_MAILBOX.hostAddress, hostAddress, true);
    return result;
  }

  #refuse(space: Space, at: number, access: Access): RefillResult {
    return this.#fault(at, faultCode(space, access, PAGE_FAULT.present), REFILL_REASON.pageFault);
  }

  #fault(at: number, errorCode: number, reason: number): RefillResult {
    const { view } = this.#memory;
    const { mailbox } = this.#tlb.region;
    view.setUint32(mailbox + REFILL_MAILBOX.errorCode, errorCode, true);
    view.setFloat64(mailbox + REFILL_MAILBOX.address, at, true);
    view.setUint32(mailbox + REFILL_MAILBOX.reason, reason, true);
    return REFILL.fault;
  }
}
