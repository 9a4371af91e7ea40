import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH, longBytes } from "@xenolith/xen-abi";
import { XEN_MEMORY_EXCHANGE, XENMEM_exchange, type XenMemoryExchange } from "@xenolith/xen-abi/memory";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { PAGE_NS } from "../costs.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import { readFrameNumber, writeFrameNumber } from "./frame-list.ts";
import type { MemoryOperation } from "./operation.ts";
import { maximumOrder } from "./reservation.ts";

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

/**
 * exchange: gives frames back and gets as many others, so that a guest can ask for frames with properties that its old ones
 * lack. Frames come one by one: asking for contiguous ones is -ENOMEM. [XEN memory.h]
 */
export const createExchange = ({ frames, findDomain }: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  /** Takes the frames of one extent away from the domain, all or none. */
  const stealExtent = (domain: Domain, first: number, order: number): Mfn[] | null => {
    const stolen: Mfn[] = [];
    for (let offset = 0; offset < 2 ** order; offset++) {
      const frame = toMfn(first + offset);
      if (frames.steal(domain.id, frame) !== 0) {
        giveBack(domain, stolen);
        return null;
      }
      stolen.push(frame);
    }
    return stolen;
  };

  const giveBack = (domain: Domain, stolen: readonly Mfn[]): void => {
    for (const frame of stolen) frames.assign(domain.id, frame);
  };

  /** Gives the domain a frame for each one stolen, and enters it where the guest's list says. */
  const replace = (
    call: HypercallContext,
    domain: Domain,
    list: number,
    first: number,
    stolen: readonly Mfn[],
  ): number => {
    const taken = frames.allocate(domain.id, stolen.length);
    if (typeof taken === "number") {
      giveBack(domain, stolen);
      return -ENOMEM;
    }
    for (const frame of stolen) frames.discard(frame);
    let error = 0;
    for (const [index, frame] of taken.entries()) {
      const pfn = readFrameNumber(call, list, first + index);
      if (pfn === null) error = -EFAULT;
      else {
        frames.machineToPhysical.write(frame, pfn);
        if (!writeFrameNumber(call, list, first + index, frame)) error = -EFAULT;
      }
    }
    return error;
  };

  /** Exchanges input extent `index`. */
  const exchangeExtent = (
    call: HypercallContext,
    domain: Domain,
    { in: given, out: wanted }: XenMemoryExchange,
    index: number,
  ): number => {
    const first = readFrameNumber(call, given.extentStart, index);
    if (first === null) return -EFAULT;
    const stolen = stealExtent(domain, first, given.extentOrder);
    if (stolen === null) return -EINVAL;
    call.charge(PAGE_NS);
    if (wanted.extentOrder > 0) {
      giveBack(domain, stolen);
      return -ENOMEM;
    }
    return replace(call, domain, wanted.extentStart, index * 2 ** given.extentOrder, stolen);
  };

  const exchange: MemoryOperation = (call, at) => {
    const { width } = call;
    const view = call.guest.read(at, XEN_MEMORY_EXCHANGE.size(width));
    if (view === null) return -EFAULT;
    const asked = XEN_MEMORY_EXCHANGE.read(view, 0, width);
    const start = asked.nrExchanged;

    const report = (nrExchanged: number): boolean => {
      XEN_MEMORY_EXCHANGE.update(view, 0, width, { nrExchanged });
      return call.guest.write(at, view);
    };

    let error = argumentError(call, asked);
    const domain = domainByAnyId(call.domain, asked.in.domid, findDomain);
    if (error === 0 && domain === null) error = -ESRCH;
    else if (error === 0 && domain !== null) error = permissionError(call.domain, domain.id);

    let done = start;
    for (; error === 0 && domain !== null && done < asked.in.nrExtents; done++) {
      if (done > start && call.shouldPreempt()) return report(done) ? { resumeAt: 0 } : -EFAULT;
      error = exchangeExtent(call, domain, asked, done);
      if (error !== 0) break;
    }
    return report(done) || error !== 0 ? error : -EFAULT;
  };

  return new Map([[XENMEM_exchange, exchange]]);
};
