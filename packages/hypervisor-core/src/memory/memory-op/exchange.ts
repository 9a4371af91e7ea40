import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH, longBytes } from "@xenolith/xen-abi";
import {
  XEN_MEMORY_EXCHANGE,
  XENMEM_exchange,
  type XenMemoryExchange,
  type XenMemoryReservation,
} from "@xenolith/xen-abi/memory";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { PAGE_NS } from "../costs.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import { readFrameNumber, writeFrameNumber } from "./frame-list.ts";
import type { MemoryOperation } from "./operation.ts";
import { frameLimit, maximumOrder, numberExtent } from "./reservation.ts";

/** Checks what can be checked before any frame moves, in Xen's order. */
const argumentError = (call: HypercallContext, exchange: XenMemoryExchange): number => {
  const { in: given, out: wanted, nrExchanged } = exchange;
  if (maximumOrder(call.domain) < Math.max(given.extentOrder, wanted.extentOrder)) return -EPERM;
  const framesIn = given.nrExtents * 2 ** given.extentOrder;
  const framesOut = wanted.nrExtents * 2 ** wanted.extentOrder;
  const fits = framesIn < 2 ** (8 * longBytes(call.width)) && framesIn === framesOut;
  if (nrExchanged > given.nrExtents || given.domid !== wanted.domid || !fits) return -EINVAL;
  const listsAllowed = [given, wanted].every(({ extentStart, nrExtents }) =>
    call.guest.isAllowed(extentStart, nrExtents, longBytes(call.width)),
  );
  return listsAllowed ? 0 : -EFAULT;
};

/** How the extents of the two halves go together: as many of one as of the other make a chunk of the larger size. */
interface Chunks {
  /** Extents of a chunk, as powers of two. */
  readonly inOrder: number;
  readonly outOrder: number;
  readonly count: number;
}

const chunksOf = ({ in: given, out: wanted }: XenMemoryExchange): Chunks => {
  const inOrder = Math.max(0, wanted.extentOrder - given.extentOrder);
  const outOrder = Math.max(0, given.extentOrder - wanted.extentOrder);
  return { inOrder, outOrder, count: Math.floor(given.nrExtents / 2 ** inOrder) };
};

/**
 * exchange: gives frames back and gets as many others, so that a guest can have frames with properties that its old ones
 * lack: low ones, or such as lie one behind the other. [XEN memory.h]
 */
export const createExchange = ({ frames, findDomain }: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  const giveBack = (domain: Domain, stolen: readonly Mfn[]): void => {
    for (const frame of stolen) frames.assign(domain.id, frame);
  };

  /** Takes the frames of a chunk away from the domain, adding them to `stolen`. @returns 0 or the errno that stops it. */
  const stealChunk = (
    call: HypercallContext,
    domain: Domain,
    { extentStart, extentOrder }: XenMemoryReservation,
    first: number,
    extents: number,
    stolen: Mfn[],
  ): number => {
    for (let extent = 0; extent < extents; extent++) {
      const number = readFrameNumber(call, extentStart, first + extent);
      if (number === null) return -EFAULT;
      for (let offset = 0; offset < 2 ** extentOrder; offset++) {
        const frame = toMfn(number + offset);
        call.charge(PAGE_NS);
        if (frames.steal(domain.id, frame) !== 0) return -EINVAL;
        stolen.push(frame);
      }
    }
    return 0;
  };

  /** Gives the domain the frames of a chunk, all or none, without entering them anywhere. */
  const takeChunk = (domain: Domain, { extentOrder, memFlags }: XenMemoryReservation, extents: number) => {
    const limit = Math.min(frameLimit(memFlags), frames.frameCount);
    const isAny = extentOrder === 0 && limit === frames.frameCount;
    if (isAny) {
      const taken = frames.allocate(domain.id, extents);
      return typeof taken === "number" ? null : taken;
    }
    const taken: Mfn[] = [];
    while (taken.length < extents) {
      const extent = frames.allocateExtent(domain.id, extentOrder, limit);
      if (extent === null) break;
      taken.push(extent);
    }
    if (taken.length === extents) return taken;
    for (const extent of taken)
      for (let offset = 0; offset < 2 ** extentOrder; offset++)
        frames.release(domain.id, toMfn(extent + offset));
    return null;
  };

  /** Enters new extents where the guest's list says, and tells it their frames. */
  const enterChunk = (
    call: HypercallContext,
    { extentStart, extentOrder }: XenMemoryReservation,
    first: number,
    taken: readonly Mfn[],
  ): number => {
    let error = 0;
    for (const [index, frame] of taken.entries()) {
      const pfn = readFrameNumber(call, extentStart, first + index);
      if (pfn === null) error = -EFAULT;
      else {
        numberExtent(frames, frame, extentOrder, pfn);
        if (!writeFrameNumber(call, extentStart, first + index, frame)) error = -EFAULT;
      }
    }
    return error;
  };

  const exchangeChunk = (
    call: HypercallContext,
    domain: Domain,
    { in: given, out: wanted }: XenMemoryExchange,
    { inOrder, outOrder }: Chunks,
    chunk: number,
  ): number => {
    const stolen: Mfn[] = [];
    const error = stealChunk(call, domain, given, chunk * 2 ** inOrder, 2 ** inOrder, stolen);
    const taken = error === 0 ? takeChunk(domain, wanted, 2 ** outOrder) : null;
    if (taken === null) {
      giveBack(domain, stolen);
      return error !== 0 ? error : -ENOMEM;
    }
    for (const frame of stolen) frames.discard(frame);
    return enterChunk(call, wanted, chunk * 2 ** outOrder, taken);
  };

  const exchange: MemoryOperation = (call, at) => {
    const { width } = call;
    const view = call.guest.read(at, XEN_MEMORY_EXCHANGE.size(width));
    if (view === null) return -EFAULT;
    const asked = XEN_MEMORY_EXCHANGE.read(view, 0, width);

    const report = (nrExchanged: number): boolean => {
      XEN_MEMORY_EXCHANGE.update(view, 0, width, { nrExchanged });
      return call.guest.write(at, view);
    };

    let error = argumentError(call, asked);
    const domain = domainByAnyId(call.domain, asked.in.domid, findDomain);
    if (error === 0 && domain === null) error = -ESRCH;
    else if (error === 0 && domain !== null) error = permissionError(call.domain, domain.id);
    if (error !== 0 || domain === null) return report(asked.nrExchanged) ? error : -EFAULT;

    const chunks = chunksOf(asked);
    const start = Math.floor(asked.nrExchanged / 2 ** chunks.inOrder);
    for (let chunk = start; chunk < chunks.count; chunk++) {
      const done = chunk * 2 ** chunks.inOrder;
      if (chunk > start && call.shouldPreempt()) return report(done) ? { resumeAt: 0 } : -EFAULT;
      error = exchangeChunk(call, domain, asked, chunks, chunk);
      if (error !== 0) return report(done) ? error : -EFAULT;
    }
    return report(asked.in.nrExtents) ? 0 : -EFAULT;
  };

  return new Map([[XENMEM_exchange, exchange]]);
};
