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
import { ActiveSpaceRecord } from "./active-space.ts";
import { generateRefill } from "./generated-refill.ts";
import { Refill } from "./refill.ts";
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
  const record = new ActiveSpaceRecord(memory);
  let active: Space | null = null;
  const tags = new SpaceTags(() => {
    tlb.empty();
    record.write(null);
  });

  memory.onWatch((frame) => tlb.forgetWritesTo(frame));

  /** What the generated refill leaves over. */
  const refillSlowly = (at: number, access: number): RefillResult => {
    if (active === null) throw new HostError("no-active-space", "no address space is active");
    const { largestPages, cachesGlobal } = active;
    const result = refill.refill(active, at, access);
    if (largestPages !== active.largestPages || cachesGlobal !== active.cachesGlobal)
      record.writeFlags(active);
    return result;
  };

  /** To be called when the context or the tag of a space has changed. */
  const updateRecord = (space: Space): void => {
    if (space === active) record.write(space);
  };

  const keepGlobalEntries = (space: Space): void => {
    const { tag, largestPages } = space;
    tags.retire(space);
    tags.assign(space);
    // Numbers that have run out empty the TLB, and then there is nothing to keep.
    if (space.tag <= tag) return;
    tlb.retagGlobal(tag, space.tag);
    space.cachesGlobal = true;
    space.largestPages = largestPages;
  };

  return {
    tlb: tlb.region,
    refillActive: generateRefill({ memory, tlb, activeSpaceOffset: record.offset }, refillSlowly),
    open: (context: PagingContext): Asid => spaces.add(context),
    change(name: Asid, context: PagingContext, keepGlobal = false): void {
      const space = spaces.get(name);
      setContext(space, context);
      if (keepGlobal && space.cachesGlobal && context.globalPages) keepGlobalEntries(space);
      else tags.retire(space);
      updateRecord(space);
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
      active = space;
      record.write(space);
      return space.tag << 2;
    },
    refill: (name: Asid, at: LinearAddress, access: Access): RefillResult =>
      refill.refill(spaces.get(name), at, access),
    probe: (name: Asid, at: LinearAddress, access: Access): ProbeResult =>
      refill.probe(spaces.get(name), at, access),
    invalidate(name: Asid, at?: LinearAddress): void {
      const space = spaces.get(name);
      if (space.tag === 0) return;
      if (at === undefined) {
        tags.retire(space);
        updateRecord(space);
      } else {
        const bytes = space.largestPages * 4096;
        tlb.forgetPages(Math.floor(at / bytes) * bytes, space.largestPages, space.tag);
      }
    },
    invalidateFrame: (frame: Mfn): void => tlb.forgetFrame(frame),
  };
};
