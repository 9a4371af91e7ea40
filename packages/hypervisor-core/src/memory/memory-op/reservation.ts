import { type Mfn, PAGE_SHIFT, toMfn, toNanoseconds } from "@xenolith/machine-interface";
import { EINVAL, longBytes } from "@xenolith/xen-abi";
import {
  XEN_MEMORY_RESERVATION,
  XENMEM_decrease_reservation,
  XENMEM_increase_reservation,
  XENMEM_populate_physmap,
  XENMEMF_ADDRESS_BITS_MASK,
  XENMEMF_populate_on_demand,
  type XenMemoryReservation,
} from "@xenolith/xen-abi/memory";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { PAGE_NS } from "../costs.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import { readFrameNumber, writeFrameNumber } from "./frame-list.ts";
import type { MemoryOperation } from "./operation.ts";

/** Largest extent an unprivileged domain may name: 2^9 frames, as Xen is built by default. */
const MAX_ORDER = 9;
/** Largest extent a privileged domain may name. */
const MAX_ORDER_PRIVILEGED = 18;

/** Most extents that a preempted call can count in what its command leaves free. */
const MOST_EXTENTS = 2 ** 26 - 1;

/** Enters pseudo-physical numbers for the frames of an extent. */
export const numberExtent = (
  { machineToPhysical }: MemoryParts["frames"],
  first: Mfn,
  order: number,
  pfn: number,
): void => {
  for (let offset = 0; offset < 2 ** order; offset++)
    machineToPhysical.write(toMfn(first + offset), (pfn + offset) >>> 0);
};

/** A reservation whose domain has been found. */
interface Reservation extends XenMemoryReservation {
  readonly call: HypercallContext;
  readonly domain: Domain;
}

/** Does one extent. @returns false when it cannot be done; then the call ends. */
type ExtentOperation = (reservation: Reservation, index: number) => boolean;

/** Largest extent a domain may name, as a power of two. */
export const maximumOrder = ({ privileged }: Domain): number =>
  privileged ? MAX_ORDER_PRIVILEGED : MAX_ORDER;

/** Frames that a guest wants have numbers below this, by the number of address bits in its flags; 0 bits ask for nothing. */
export const frameLimit = (memFlags: number): number => {
  const bits = memFlags & XENMEMF_ADDRESS_BITS_MASK;
  return bits === 0 ? Number.POSITIVE_INFINITY : 2 ** (bits - PAGE_SHIFT);
};

/**
 * increase_reservation, decrease_reservation, populate_physmap: a domain's balloon. The answer is the number of extents
 * done, whatever stopped it. Single frames may lie anywhere; only those of one extent are sure to lie one behind the other.
 * [XEN memory.h]
 */
export const createReservationOperations = ({
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  /** Frames that a reservation may be given have numbers below this. */
  const limitOf = ({ memFlags }: Reservation): number => Math.min(frameLimit(memFlags), frames.frameCount);

  /** Takes an extent. @returns its first frame, or null. */
  const takeExtent = (reservation: Reservation): Mfn | null => {
    const { call, domain, extentOrder } = reservation;
    const limit = limitOf(reservation);
    if (extentOrder > 0 || limit < frames.frameCount) {
      call.charge(toNanoseconds(PAGE_NS * 2 ** extentOrder));
      return frames.allocateExtent(domain.id, extentOrder, limit);
    }
    const taken = frames.allocate(domain.id, 1);
    return typeof taken === "number" ? null : (taken[0] ?? null);
  };

  const increase: ExtentOperation = (reservation, index) => {
    const frame = takeExtent(reservation);
    if (frame === null) return false;
    const { call, extentStart } = reservation;
    return extentStart === 0 || writeFrameNumber(call, extentStart, index, frame);
  };

  const populate: ExtentOperation = (reservation, index) => {
    const { call, extentStart, extentOrder } = reservation;
    const pfn = readFrameNumber(call, extentStart, index);
    if (pfn === null || (reservation.memFlags & XENMEMF_populate_on_demand) !== 0) return false;
    const frame = takeExtent(reservation);
    if (frame === null) return false;
    numberExtent(frames, frame, extentOrder, pfn);
    return writeFrameNumber(call, extentStart, index, frame);
  };

  const decrease: ExtentOperation = ({ call, domain, extentStart, extentOrder }, index) => {
    const first = readFrameNumber(call, extentStart, index);
    if (first === null) return false;
    for (let offset = 0; offset < 2 ** extentOrder; offset++) {
      call.charge(PAGE_NS);
      const frame = toMfn(first + offset);
      // A frame that is given back cannot stay pinned.
      frames.unpin(domain.id, frame);
      if (frames.release(domain.id, frame) !== 0) return false;
    }
    return true;
  };

  /** Does extents from `start` on. @returns how many are done in all */
  const run = (
    reservation: Reservation,
    start: number,
    extent: ExtentOperation,
  ): { done: number; stopped: boolean } => {
    const { call, nrExtents } = reservation;
    let done = start;
    for (; done < nrExtents; done++) {
      if (done > start && call.shouldPreempt()) return { done, stopped: true };
      call.charge(PAGE_NS);
      if (!extent(reservation, done)) break;
    }
    return { done, stopped: false };
  };

  const isListAllowed = (
    { call, extentStart, nrExtents, extentOrder }: Reservation,
    listOptional: boolean,
  ): boolean => {
    if (extentOrder > maximumOrder(call.domain)) return false;
    if (listOptional && extentStart === 0) return true;
    return call.guest.isAllowed(extentStart, nrExtents, longBytes(call.width));
  };

  const operation =
    (extent: ExtentOperation, listOptional: boolean): MemoryOperation =>
    (call, at, start) => {
      const view = call.guest.read(at, XEN_MEMORY_RESERVATION.size(call.width));
      if (view === null) return start;
      const given = XEN_MEMORY_RESERVATION.read(view, 0, call.width);
      if (given.nrExtents > MOST_EXTENTS || start >= given.nrExtents) return start;
      const domain = domainByAnyId(call.domain, given.domid, findDomain);
      if (domain === null) return start;
      const bits = given.memFlags & XENMEMF_ADDRESS_BITS_MASK;
      if (bits > 0 && bits <= 12) return -EINVAL;
      const reservation: Reservation = { ...given, call, domain };
      const refused =
        permissionError(call.domain, domain.id) !== 0 || !isListAllowed(reservation, listOptional);
      if (refused) return start;
      const { done, stopped } = run(reservation, start, extent);
      return stopped ? { resumeAt: done } : done;
    };

  return new Map([
    [XENMEM_increase_reservation, operation(increase, true)],
    [XENMEM_decrease_reservation, operation(decrease, false)],
    [XENMEM_populate_physmap, operation(populate, false)],
  ]);
};
