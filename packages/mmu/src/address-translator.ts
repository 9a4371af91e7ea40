import {
  type Access,
  type AddressTranslator,
  type Asid,
  HostError,
  type LinearAddress,
  type MachineMemory,
  type Mfn,
  type PagingContext,
  type ProbeResult,
  type RefillResult,
} from "@xenolith/machine-interface";
import { ACTIVE_SPACE, ActiveSpaceRecord } from "./active-space.ts";
import { generateFunctions } from "./generated-refill.ts";
import { Refill } from "./refill.ts";
import { ReservedBits } from "./reserved-bits.ts";
import { type Space, setContext } from "./space.ts";
import { SpaceTable } from "./space-table.ts";
import { SpaceTags } from "./space-tags.ts";
import { SoftwareTlb } from "./tlb.ts";

/** What a translator is made with. */
export interface AddressTranslatorOptions {
  readonly memory: MachineMemory;
  /** Width of physical addresses that entries may hold, 32 to 52; bits above are reserved. Default 36, as CPUID of an i686 says. */
  readonly physicalAddressBits?: number;
}

/**
 * Makes the translator of a machine. It reserves its TLB and tables from the memory.
 * @throws HostError when the width is out of range or the memory's reserve is too small.
 */
export const createAddressTranslator = (options: AddressTranslatorOptions): AddressTranslator => {
  const { memory, physicalAddressBits = 36 } = options;
  if (!Number.isInteger(physicalAddressBits) || physicalAddressBits < 32 || physicalAddressBits > 52) {
    throw new HostError(
      "physical-width",
      `physical addresses have 32 to 52 bits, not ${physicalAddressBits}`,
    );
  }
  const tlb = new SoftwareTlb(memory);
  const refill = new Refill(memory, tlb, physicalAddressBits);
  const spaces = new SpaceTable();
  const record = new ActiveSpaceRecord(memory, new ReservedBits(physicalAddressBits));
  let active: Space | null = null;
  const tags = new SpaceTags(tlb, () => {
    tlb.empty();
    record.write(null);
  });

  memory.onWatch((frame) => tlb.forgetWritesTo(frame));

  /** What the generated refill leaves over. */
  const refillSlowly = (at: number, access: number): RefillResult => {
    if (active === null) throw new HostError("no-active-space", "no address space is active");
    return refillSpace(active, at, access);
  };

  const refillSpace = (space: Space, at: number, access: number): RefillResult => {
    if (space === active) record.readBack(space);
    const { largeFirst, largeLast } = space;
    const result = refill.refill(space, at, access);
    const isWider = space.largeFirst !== largeFirst || space.largeLast !== largeLast;
    if (isWider && space === active) record.write(space);
    return result;
  };

  const { refill: refillActive, forgetFrame } = generateFunctions(
    { memory, tlb, activeSpaceOffset: record.offset },
    refillSlowly,
  );

  /** Forgets all of a space. */
  const retire = (space: Space): void => {
    tags.retire(space);
    if (space === active) record.write(space);
  };

  /** Large pages are not known one by one: with them everything goes. */
  const forgetLowerHalf = (space: Space): void => {
    if (space.largeFirst <= space.largeLast) retire(space);
    else if (space.tag !== 0) {
      tlb.forgetLowerHalf(space.tag);
      if (space.listsLowerHalf) return;
      space.listsLowerHalf = true;
      if (space === active) record.write(space);
    }
  };

  return {
    tlb: { ...tlb.region, largeRange: record.offset + ACTIVE_SPACE.largeFirst },
    refillActive,
    open: (context: PagingContext): Asid => spaces.add(context),
    change(name: Asid, context: PagingContext): void {
      const space = spaces.get(name);
      setContext(space, context);
      retire(space);
    },
    contextOf: (name: Asid): PagingContext => spaces.get(name).context,
    close(name: Asid): void {
      const space = spaces.get(name);
      tags.retire(space);
      spaces.remove(name);
      if (active !== space) return;
      active = null;
      record.write(null);
    },
    activate(name: Asid): number {
      const space = spaces.get(name);
      if (space === active && space.tag !== 0) return space.tag << 2;
      if (space.tag === 0) tags.assign(space);
      if (active !== null && active !== space && active.tag !== 0) record.readBack(active);
      active = space;
      record.write(space);
      return space.tag << 2;
    },
    refill(name: Asid, at: LinearAddress, access: Access): RefillResult {
      const space = spaces.get(name);
      return space === active ? refillActive(at, access) : refillSpace(space, at, access);
    },
    probe: (name: Asid, at: LinearAddress, access: Access): ProbeResult =>
      refill.probe(spaces.get(name), at, access),
    invalidate(name: Asid, at?: LinearAddress): void {
      const space = spaces.get(name);
      if (space.tag === 0) return;
      if (space === active) record.readBack(space);
      const isWhole = at === undefined || (at >= space.largeFirst && at <= space.largeLast);
      if (isWhole) retire(space);
      else tlb.forgetPage(Math.floor(at / 4096) * 4096, space.tag);
    },
    changeLowerHalf(name: Asid, context: PagingContext): void {
      const space = spaces.get(name);
      if (space === active) record.readBack(space);
      setContext(space, context);
      forgetLowerHalf(space);
      if (space === active) record.write(space);
    },
    invalidateLowerHalf(name: Asid): void {
      const space = spaces.get(name);
      if (space === active) record.readBack(space);
      forgetLowerHalf(space);
    },
    takeUpperHalfNote: (table: Mfn): boolean => tlb.takeUpperHalfNote(table),
    invalidateFrame: forgetFrame,
  };
};
