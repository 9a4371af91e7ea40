import { type Asid, type LinearAddress, type Mfn, PAGE_SIZE, toAsid, toMfn } from "../addresses.ts";
import type { MachineMemory } from "../memory.ts";
import {
  ACCESS,
  type Access,
  type AddressTranslator,
  type PagingContext,
  type ProbeResult,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  type RefillResult,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  TLB_TAG,
  tlbIndex,
} from "../translator.ts";

/** Tag of the one space of the fake, in place. */
const SPACE_TAG = 4;

/** A translator for tests of executors: linear address = machine address, all of RAM mapped, with chosen refusals. */
export interface IdentityTranslator extends AddressTranslator {
  /** The only space; `open` returns it too. */
  readonly space: Asid;
  /** Makes accesses of one kind (`ACCESS.read`, `write` or `execute`) to a page fault. */
  deny(page: number, kind: number): void;
  /** Takes a refusal back. */
  allow(page: number, kind: number): void;
  /** Refills so far, to see that hits need none. */
  readonly refillCount: number;
}

/** First address above the lower canonical half. */
const CANONICAL_END = 2 ** 47;
/** Where 64-bit code finds RAM once more: above 4 GiB, and in the upper canonical half. */
const MIRRORS = [2 ** 32, -(2 ** 31)];

/** Address in RAM of an access: mirrors are there for wide accesses only. */
const unmirrored = (at: number, access: Access): number => {
  if ((access & ACCESS.narrow) !== 0) return at;
  const start = MIRRORS.find((mirror) => at >= mirror && at < mirror + 2 ** 31);
  return start === undefined ? at : at - start;
};

/**
 * Makes a translator without paging over a memory: pages of RAM are readable, writable and executable for everybody, what
 * lies beyond faults as not present. 64-bit code finds RAM again from 2^32 and from -2^31, and what is not canonical faults.
 * Watches are honoured as the contract asks.
 */
export const createIdentityTranslator = (memory: MachineMemory): IdentityTranslator => {
  const arrayBytes = TLB_ENTRY_COUNT * TLB_ENTRY_BYTES;
  const tlb = {
    read: memory.reserve(arrayBytes),
    write: memory.reserve(arrayBytes),
    execute: memory.reserve(arrayBytes),
    mailbox: memory.reserve(REFILL_MAILBOX.sizeBytes),
    largeRange: memory.reserve(16),
  };
  // No page is large: the range begins behind its end.
  memory.view.setUint32(tlb.largeRange, 1, true);
  const arrays = [tlb.read, tlb.write, tlb.execute];
  const arrayOf = (access: Access): number => arrays[access & ACCESS.kindMask] ?? tlb.read;
  const denied = new Set<string>();
  const space = toAsid(1);
  let refillCount = 0;
  let context: PagingContext = {
    format: "none",
    rootAddress: 0,
    writeProtect: true,
    noExecute: false,
    largePages: false,
    globalPages: false,
    supervisorExecutionPrevention: false,
    linearLimit: null,
    overlays: [],
  };

  const forget = (
    predicate: (tag: bigint, frame: number) => boolean,
    only: readonly number[] = arrays,
  ): void => {
    for (const array of only) {
      for (let i = 0; i < TLB_ENTRY_COUNT; i++) {
        const entry = array + i * TLB_ENTRY_BYTES;
        const tag = memory.view.getBigInt64(entry + TLB_ENTRY.tag, true);
        if (tag !== -1n && predicate(tag, memory.view.getUint32(entry + TLB_ENTRY.frame, true))) {
          memory.view.setBigInt64(entry + TLB_ENTRY.tag, -1n, true);
        }
      }
    }
  };
  for (const array of arrays) {
    for (let i = 0; i < TLB_ENTRY_COUNT; i++) memory.view.setBigInt64(array + i * TLB_ENTRY_BYTES, -1n, true);
  }
  memory.onWatch((frame) => forget((_tag, cached) => cached === frame, [tlb.write]));

  const fault = (at: number, access: Access, present: boolean): RefillResult => {
    const isCanonical = at >= -CANONICAL_END && at < CANONICAL_END;
    const reason = isCanonical ? REFILL_REASON.pageFault : REFILL_REASON.notCanonical;
    const kind = access & ACCESS.kindMask;
    const errorCode =
      (present ? 1 : 0) |
      (kind === ACCESS.write ? 2 : 0) |
      (access & ACCESS.user ? 4 : 0) |
      (kind === ACCESS.execute ? 16 : 0);
    memory.view.setUint32(tlb.mailbox + REFILL_MAILBOX.errorCode, errorCode, true);
    memory.view.setFloat64(tlb.mailbox + REFILL_MAILBOX.address, at, true);
    memory.view.setUint32(tlb.mailbox + REFILL_MAILBOX.reason, reason, true);
    return REFILL.fault;
  };

  const refillActive = (at: number, access: number): RefillResult => {
    refillCount++;
    const address = unmirrored(at, access);
    const page = Math.floor(address / PAGE_SIZE);
    const kind = access & ACCESS.kindMask;
    if (page < 0 || page >= memory.frameCount) return fault(at, access, false);
    if (denied.has(`${page}:${kind}`)) return fault(at, access, true);
    memory.view.setUint32(tlb.mailbox + REFILL_MAILBOX.hostAddress, address, true);
    if (kind === ACCESS.write && memory.bytes[memory.watchTableOffset + page] !== 0) return REFILL.direct;
    const entry = arrayOf(access) + tlbIndex(at) * TLB_ENTRY_BYTES;
    const tag =
      SPACE_TAG | (access & ACCESS.narrow ? TLB_TAG.narrow : 0) | (access & ACCESS.user ? TLB_TAG.user : 0);
    const linearPage = Math.floor(at / PAGE_SIZE) * PAGE_SIZE;
    memory.view.setBigInt64(entry + TLB_ENTRY.tag, BigInt(linearPage + tag), true);
    memory.view.setUint32(entry + TLB_ENTRY.addend, page * PAGE_SIZE - linearPage, true);
    memory.view.setUint32(entry + TLB_ENTRY.frame, page, true);
    return REFILL.filled;
  };

  return {
    tlb,
    refillActive,
    space,
    get refillCount(): number {
      return refillCount;
    },
    deny(page: number, kind: number): void {
      denied.add(`${page}:${kind}`);
      forget((_tag, frame) => frame === page);
    },
    allow(page: number, kind: number): void {
      denied.delete(`${page}:${kind}`);
    },
    open(opened: PagingContext): Asid {
      context = opened;
      return space;
    },
    change(_space: Asid, changed: PagingContext): void {
      context = changed;
      forget(() => true);
    },
    contextOf: (): PagingContext => context,
    close: (): void => forget(() => true),
    activate: (): number => SPACE_TAG,
    refill: (_space: Asid, at: LinearAddress, access: Access): RefillResult => refillActive(at, access),
    probe(_space: Asid, at: LinearAddress, access: Access): ProbeResult {
      const page = Math.floor(unmirrored(at, access) / PAGE_SIZE);
      const kind = access & ACCESS.kindMask;
      if (page >= 0 && page < memory.frameCount && !denied.has(`${page}:${kind}`)) {
        return {
          mapped: true,
          frame: toMfn(page),
          writable: !denied.has(`${page}:${ACCESS.write}`),
          user: true,
        };
      }
      return { mapped: false, errorCode: page >= 0 && page < memory.frameCount ? 1 : 0 };
    },
    invalidate: (): void => forget(() => true),
    changeLowerHalf(_space: Asid, changed: PagingContext): void {
      context = changed;
      forget((tag) => tag >= 0n);
    },
    invalidateLowerHalf: (): void => forget((tag) => tag >= 0n),
    takeUpperHalfNote: (): boolean => false,
    invalidateFrame: (frame: Mfn): void => forget((_tag, cached) => cached === frame),
  };
};
