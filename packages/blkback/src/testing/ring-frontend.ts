import type { Domain, OwnPages } from "@xenolith/domain-interface";
import { createFrontRing, type FrontRing, SLOT_TAKEN } from "@xenolith/io-ring";
import { HostError } from "@xenolith/machine-interface";
import { type DomId, type GrantRef, type GuestWidth, type Port, toGrantRef, toPort } from "@xenolith/xen-abi";
import {
  BLKIF_REQUEST_INDIRECT,
  BLKIF_REQUEST_SEGMENT,
  BLKIF_RESPONSE,
  BLKIF_SLOT_BYTES,
  type BlkifRequest,
  type BlkifRequestIndirect,
  type BlkifRequestSegment,
  type BlkifResponse,
  readBlkifResponse,
  writeBlkifRequest,
} from "@xenolith/xen-abi/io/blkif";
import { nativeProtocol } from "@xenolith/xen-abi/io/protocols";

/** How a test's front end offers its ring. */
export interface RingFrontendOptions {
  readonly domain: Domain;
  readonly backend: DomId;
  readonly width?: GuestWidth;
  /** Pages of the ring, a power of two; 1 where nothing is said. */
  readonly ringPages?: number;
  /** Pages granted for data; 16 where nothing is said. */
  readonly dataPages?: number;
  /** Whether it says that it uses the same grants again and again. */
  readonly persistent?: boolean;
}

/** The front end of a ring, operated slot by slot by a test. It is honest unless the test makes it lie. */
export interface RingFrontend {
  readonly width: GuestWidth;
  /** What it would write to xenstore. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly port: Port;
  readonly ring: FrontRing;
  /** The memory of the ring, to be scribbled over. */
  readonly ringMemory: OwnPages;
  /** Pages for data and the reference under which each is granted, writable. */
  readonly data: OwnPages;
  readonly references: readonly GrantRef[];
  /** Puts a request, whatever it says. Segments that are not given are zero. @returns false when the ring is full. */
  put(request: Partial<BlkifRequest>): boolean;
  /** Puts an indirect request, whatever it says; its segments stand wherever its references point to. */
  putIndirect(request: BlkifRequestIndirect): boolean;
  /** Writes segments of an indirect request to a data page. */
  writeSegments(pageIndex: number, segments: readonly BlkifRequestSegment[]): void;
  /** Puts raw bytes as a slot. */
  putBytes(slot: Uint8Array): boolean;
  /** Shows the back end what was put. The event is sent even if it is not wanted. */
  push(): void;
  /** Takes the responses that have come, up to the first impossible index. */
  responses(): BlkifResponse[];
  /** Withdraws all grants and closes the port. @returns references that the back end still has mapped. */
  close(): GrantRef[];
  /** Gives the pages back to the domain. Only after {@link close} has left nothing mapped. */
  release(): void;
}

const PAGE_BYTES = 4096;
const SEGMENT_BYTES = 8;

const NO_REQUEST: BlkifRequest = {
  operation: 0,
  nrSegments: 0,
  handle: 0,
  id: { low: 0, high: 0 },
  sectorNumber: 0,
  seg: [],
};

/** Makes a ring in a domain of a test. @throws HostError when the domain has not enough pages or grants. */
export const createRingFrontend = (options: RingFrontendOptions): RingFrontend => {
  const { domain, backend, width = "x86_64", ringPages = 1, dataPages = 16 } = options;
  const share = (pageCount: number): { pages: OwnPages; references: GrantRef[] } => {
    const pages = domain.grants.allocatePages(pageCount);
    if (pages === null) throw new HostError("no-pages", "test front end: no pages");
    const references = Array.from({ length: pageCount }, (_unused, index) =>
      toGrantRef(domain.grants.offer(pages, index, backend, true)),
    );
    return { pages, references };
  };
  const ringShare = share(ringPages);
  const dataShare = share(dataPages);
  const port = toPort(domain.events.allocateUnbound(backend));
  const slotBytes = BLKIF_SLOT_BYTES[width];
  const ring = createFrontRing({ page: ringShare.pages, ringBytes: ringPages * PAGE_BYTES, slotBytes });
  const slot = new Uint8Array(slotBytes);
  const view = new DataView(slot.buffer);
  const nodes: Record<string, string> = { "event-channel": String(port), protocol: nativeProtocol(width) };
  if (options.persistent === true) nodes["feature-persistent"] = "1";
  if (ringPages > 1) nodes["ring-page-order"] = String(Math.log2(ringPages));
  for (const [index, reference] of ringShare.references.entries())
    nodes[ringPages === 1 ? "ring-ref" : `ring-ref${index}`] = String(reference);

  return {
    width,
    nodes,
    port,
    ring,
    ringMemory: ringShare.pages,
    data: dataShare.pages,
    references: dataShare.references,
    put: (request) => {
      slot.fill(0);
      writeBlkifRequest(view, 0, width, { ...NO_REQUEST, ...request });
      return ring.putRequest(slot);
    },
    putIndirect: (request) => {
      slot.fill(0);
      BLKIF_REQUEST_INDIRECT.write(view, 0, width, request);
      return ring.putRequest(slot);
    },
    writeSegments: (pageIndex, segments) => {
      const bytes = new Uint8Array(segments.length * SEGMENT_BYTES);
      const segmentView = new DataView(bytes.buffer);
      for (const [index, segment] of segments.entries())
        BLKIF_REQUEST_SEGMENT.write(segmentView, index * SEGMENT_BYTES, width, segment);
      dataShare.pages.copyIn(pageIndex * PAGE_BYTES, bytes);
    },
    putBytes: (bytes) => ring.putRequest(bytes),
    push: () => {
      ring.pushRequests();
      domain.events.notify(port);
    },
    responses: () => {
      const found: BlkifResponse[] = [];
      const response = new Uint8Array(BLKIF_RESPONSE.size(width));
      for (;;) {
        const taken = ring.takeResponse(response);
        if (taken === SLOT_TAKEN) found.push(readBlkifResponse(new DataView(response.buffer), 0, width));
        else if (taken < 0 || !ring.finalCheck()) break;
      }
      return found;
    },
    close: () => {
      domain.events.close(port);
      return [...ringShare.references, ...dataShare.references].filter(
        (reference) => !domain.grants.withdraw(reference),
      );
    },
    release: () => {
      for (const { pages } of [ringShare, dataShare]) pages.release();
    },
  };
};
