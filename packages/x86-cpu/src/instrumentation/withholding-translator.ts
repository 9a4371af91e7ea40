import {
  ACCESS,
  type Access,
  type AddressTranslator,
  type Asid,
  type LinearAddress,
  type MachineMemory,
  PAGE_SIZE,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  type RefillResult,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  tlbIndex,
} from "@xenolith/machine-interface";

/**
 * Wraps a translator so that some pages never get into the TLB for reads and writes: generated code must leave such accesses
 * to TypeScript, every time.
 * @param isWithheld - says which pages, by their first address.
 */
export const createWithholdingTranslator = (
  inner: AddressTranslator,
  memory: MachineMemory,
  isWithheld: (page: number) => boolean,
): AddressTranslator => {
  const { tlb } = inner;
  const withholds = (at: number, access: Access): boolean =>
    (access & ACCESS.kindMask) !== ACCESS.execute && isWithheld(Math.floor(at / PAGE_SIZE) * PAGE_SIZE);
  const refillActive = (at: number, access: Access): RefillResult => {
    if (!withholds(at, access)) return inner.refillActive(at, access);
    memory.view.setUint32(tlb.mailbox + REFILL_MAILBOX.reason, REFILL_REASON.withheld, true);
    return REFILL.fault;
  };
  const refill = (space: Asid, at: LinearAddress, access: Access): RefillResult => {
    const result = inner.refill(space, at, access);
    if (result !== REFILL.filled || !withholds(at, access)) return result;
    // Whoever has the entry's place has it; emptying it costs a refill at most.
    const entry = tlbIndex(at) * TLB_ENTRY_BYTES;
    for (const array of [tlb.read, tlb.write]) {
      memory.view.setInt32(array + entry + TLB_ENTRY.tag, -1, true);
      memory.view.setInt32(array + entry + TLB_ENTRY.tag + 4, -1, true);
    }
    return REFILL.direct;
  };
  return {
    tlb,
    refillActive,
    refill,
    open: (context) => inner.open(context),
    change: (space, context) => inner.change(space, context),
    contextOf: (space) => inner.contextOf(space),
    close: (space) => inner.close(space),
    activate: (space) => inner.activate(space),
    probe: (space, at, access) => inner.probe(space, at, access),
    invalidate: (space, at) => inner.invalidate(space, at),
    changeLowerHalf: (space, context) => inner.changeLowerHalf(space, context),
    invalidateLowerHalf: (space) => inner.invalidateLowerHalf(space),
    takeUpperHalfNote: (table) => inner.takeUpperHalfNote(table),
    invalidateFrame: (frame) => inner.invalidateFrame(frame),
  };
};
