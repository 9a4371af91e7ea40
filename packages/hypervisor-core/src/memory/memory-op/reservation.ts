import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { EINVAL, longBytes } from "@xenolith/xen-abi";
import {
  XEN_MEMORY_RESERVATION,
  XENMEM_decrease_reservation,
  XENMEM_increase_reservation,
  XENMEM_populate_physmap,
  XENMEMF_ADDRESS_BITS_MASK,
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

/** Whether the machine's highest frame can be addressed with so many bits; 0 asks for nothing. */
const fitsAddressBits = (memFlags: number, frameCount: number): boolean => {
  const bits = memFlags & XENMEMF_ADDRESS_BITS_MASK;
  return bits === 0 || 2 ** (bits - 12) >= frameCount;
};

/**
 * increase_reservation, decrease_reservation, populate_physmap: a domain's balloon. The answer is the number of extents
 * done, whatever stopped it. Frames come one by one: of an extent larger than a frame, which would have to be contiguous,
 * none is ever given. [XEN memory.h]
 */
export const createReservationOperations = ({
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  const takeFrame = ({ domain, memFlags, extentOrder }: Reservation): Mfn | null => {
    if (extentOrder > 0 || !fitsAddressBits(memFlags, frames.frameCount)) return null;
    const taken = frames.allocate(domain.id, 1);
    return typeof taken === "number" ? null : (taken[0] ?? null);
  };

  const increase: ExtentOperation = (reservation, index) => {
    const frame = takeFrame(reservation);
    if (frame === null) return false;
    const { call, extentStart } = reservation;
    return extentStart === 0 || writeFrameNumber(call, extentStart, index, frame);
  };

  const populate: ExtentOperation = (reservation, index) => {
    const { call, extentStart } = reservation;
    const pfn = readFrameNumber(call, extentStart, index);
    const frame = pfn === null ? null : takeFrame(reservation);
    if (pfn === null || frame === null) return false;
    frames.machineToPhysical.write(frame, pfn);
    return writeFrameNumber(call, extentStart, index, frame);
  };

  const decrease: ExtentOperation = ({ call, domain, extentStart, extentOrder }, index) => {
    const first = readFrameNumber(call, extentStart, index);
    if (first === null) return false;
    for (let offset = 0; offset < 2 ** extentOrder; offset++) {
      call.charge(PAGE_NS);
      if (frames.release(domain.id, toMfn(first + offset)) !== 0) return false;
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
