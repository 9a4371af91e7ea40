import { type GrantRef, type GuestWidth, type Port, toGrantRef, toPort } from "@xenolith/xen-abi";
import { protocolWidth } from "@xenolith/xen-abi/io/protocols";
import type { DeviceNodes } from "@xenolith/xenbus";

/** Largest ring that is offered: 2^2 pages. */
export const MAX_RING_PAGE_ORDER = 2;

/** Nodes of the front end that say where its ring is. [XEN io/blkif.h] */
export const FRONTEND_NODES = [
  "protocol",
  "event-channel",
  "feature-persistent",
  "ring-page-order",
  "ring-ref",
  "ring-ref0",
  "ring-ref1",
  "ring-ref2",
  "ring-ref3",
] as const;

/** Name of one of {@link FRONTEND_NODES}. */
export type FrontendNode = (typeof FRONTEND_NODES)[number];

/** Where a front end's ring is and how it is laid out. */
export interface RingOffer {
  readonly width: GuestWidth;
  readonly references: readonly GrantRef[];
  readonly eventChannel: Port;
  /** The front end uses the same grants again and again: they may stay mapped. */
  readonly persistent: boolean;
}

const U32_LIMIT = 0x1_0000_0000;

/** A decimal `uint32_t`, or null. */
const parseUint32 = (text: string | null): number | null => {
  const value = text !== null && /^\d{1,10}$/.test(text) ? Number(text) : U32_LIMIT;
  return value < U32_LIMIT ? value : null;
};

const PAGE_NODES = ["ring-ref0", "ring-ref1", "ring-ref2", "ring-ref3"] as const;

/**
 * Understands what a front end has written. A single page stands in `ring-ref`, several in `ring-ref0` and so on.
 * @returns a sentence when something is missing or makes no sense.
 */
export const parseRingOffer = (
  nodes: DeviceNodes<FrontendNode>,
  nativeWidth: GuestWidth,
): RingOffer | string => {
  const width = nodes.protocol === null ? nativeWidth : protocolWidth(nodes.protocol);
  if (width === null) return "unknown protocol";
  const eventChannel = parseUint32(nodes["event-channel"]);
  if (eventChannel === null) return "event-channel is missing or no number";
  const order = nodes["ring-page-order"] === null ? 0 : parseUint32(nodes["ring-page-order"]);
  if (order === null || order > MAX_RING_PAGE_ORDER)
    return `ring-page-order is not 0 to ${MAX_RING_PAGE_ORDER}`;

  const inOnePlace = order === 0 && nodes["ring-ref"] !== null;
  const names = inOnePlace ? (["ring-ref"] as const) : PAGE_NODES.slice(0, 2 ** order);
  const references: GrantRef[] = [];
  for (const name of names) {
    const reference = parseUint32(nodes[name]);
    if (reference === null) return `${name} is missing or no number`;
    references.push(toGrantRef(reference));
  }
  const persistent = nodes["feature-persistent"] === "1";
  return { width, references, eventChannel: toPort(eventChannel), persistent };
};
