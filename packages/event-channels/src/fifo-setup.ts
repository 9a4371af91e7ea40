import { EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } from "@xenolith/xen-abi";
import type { EventContext } from "./event-context.ts";
import { type EventDomain, isVcpu } from "./event-domain.ts";
import { CONTROL_BLOCK_BYTES, createFifoDelivery, type FifoDelivery, MAXIMUM_PAGES } from "./fifo.ts";
import type { InitControlRequest } from "./types.ts";
import { createUpcallFlag } from "./upcall.ts";

const PAGE_BYTES = 4096;
const CONTROL_BLOCK_ALIGNMENT = 8;

const fifoOf = ({ delivery }: EventDomain): FifoDelivery | null =>
  delivery.abi === "fifo" ? (delivery as FifoDelivery) : null;

/** The FIFO ABI for a domain that has used two-level events so far: what is pending stays so. */
const changeToFifo = ({ host }: EventContext, domain: EventDomain): FifoDelivery => {
  const fifo = createFifoDelivery(createUpcallFlag(host, domain.id, domain.width));
  const before = domain.delivery;
  for (let port = 1; port < Math.min(domain.validPorts, before.portLimit); port++)
    if (before.isPending(port)) fifo.keepPending(port);
  domain.delivery = fifo;
  return fifo;
};

/** EVTCHNOP_init_control. */
export const initFifoControl = (
  context: EventContext,
  domain: EventDomain,
  { vcpu, controlGfn, offset }: InitControlRequest,
): number => {
  if (!isVcpu(domain, vcpu)) return -ENOENT;
  if (offset > PAGE_BYTES - CONTROL_BLOCK_BYTES || offset % CONTROL_BLOCK_ALIGNMENT !== 0) return -EINVAL;
  if (fifoOf(domain)?.hasControlBlock(vcpu) === true) return -EINVAL;
  const page = context.host.holdPage(domain.id, controlGfn);
  if (page === null) return -EINVAL;
  (fifoOf(domain) ?? changeToFifo(context, domain)).setControlBlock(vcpu, page, offset);
  return 0;
};

/** EVTCHNOP_expand_array. */
export const expandFifoArray = (context: EventContext, domain: EventDomain, frame: number): number => {
  const fifo = fifoOf(domain);
  if (fifo === null) return -EOPNOTSUPP;
  if (fifo.pages >= MAXIMUM_PAGES) return -ENOSPC;
  const page = context.host.holdPage(domain.id, frame);
  if (page === null) return -EINVAL;
  fifo.addPage(page, (port) => domain.channels[port]?.vcpu ?? null);
  return 0;
};
