import type { Domain, MappedPages } from "@xenolith/domain-interface";
import { type BackRing, createBackRing, SLOT_TAKEN } from "@xenolith/io-ring";
import { HostError } from "@xenolith/machine-interface";
import { type DomId, type Port, toGrantRef, toPort } from "@xenolith/xen-abi";
import {
  BLKIF_RESPONSE,
  BLKIF_SECTOR_BYTES,
  BLKIF_SLOT_BYTES,
  type BlkifRequest,
  type BlkifResponse,
  readBlkifRequest,
} from "@xenolith/xen-abi/io/blkif";
import { RING_WIDTH } from "../execute.ts";

/** Where a test's back end finds the ring. */
export interface RingBackendOptions {
  readonly domain: Domain;
  readonly frontend: DomId;
  /** What the front end has written: `ring-ref` or `ring-ref0` …, and `event-channel`. */
  readonly nodes: Readonly<Record<string, string | undefined>>;
}

/** The back end of a ring, operated slot by slot by a test. It is honest unless the test makes it lie. */
export interface RingBackend {
  readonly port: Port;
  readonly ring: BackRing;
  /** The memory of the ring, to be scribbled over. */
  readonly ringMemory: MappedPages;
  /** Takes the requests that have come. */
  requests(): BlkifRequest[];
  /** Reads a request's granted pages, or fills them. @returns the statuses of the copies. */
  copy(request: BlkifRequest, buffer: Uint8Array, direction: "from-grant" | "to-grant"): number[];
  /** Puts a response, true or not, and sends the event. @returns false when no request is unanswered. */
  respond(response: BlkifResponse): boolean;
  /** Unmaps the ring and closes the port. */
  close(): void;
}

/** Connects to a front end's ring. @throws HostError when the ring cannot be mapped or the port not be bound. */
export const createRingBackend = ({ domain, frontend, nodes }: RingBackendOptions): RingBackend => {
  const names =
    nodes["ring-page-order"] === undefined ? ["ring-ref"] : ["ring-ref0", "ring-ref1", "ring-ref2"];
  const references = names.flatMap((name) =>
    nodes[name] === undefined ? [] : [toGrantRef(Number(nodes[name]))],
  );
  const pages = domain.grants.map(frontend, references, true);
  if (typeof pages === "number") throw new HostError("no-ring", `test back end: grant status ${pages}`);
  const bound = domain.events.bindInterdomain(frontend, toPort(Number(nodes["event-channel"])));
  if (bound < 0) throw new HostError("no-port", `test back end: error ${-bound}`);
  const port = toPort(bound);
  const slotBytes = BLKIF_SLOT_BYTES[RING_WIDTH];
  const ring = createBackRing({ page: pages, ringBytes: pages.lengthBytes, slotBytes });
  const slot = new Uint8Array(slotBytes);
  const response = new Uint8Array(BLKIF_RESPONSE.size(RING_WIDTH));

  return {
    port,
    ring,
    ringMemory: pages,
    requests: () => {
      const found: BlkifRequest[] = [];
      for (;;) {
        const taken = ring.takeRequest(slot);
        if (taken === SLOT_TAKEN) found.push(readBlkifRequest(new DataView(slot.buffer), 0, RING_WIDTH));
        else if (taken < 0 || !ring.finalCheck()) return found;
      }
    },
    copy: (request, buffer, direction) => {
      let at = 0;
      const pieces = request.seg.slice(0, request.nrSegments).map(({ gref, firstSect, lastSect }) => {
        const lengthBytes = (lastSect - firstSect + 1) * BLKIF_SECTOR_BYTES;
        const piece = buffer.subarray(at, at + lengthBytes);
        at += lengthBytes;
        const offset = firstSect * BLKIF_SECTOR_BYTES;
        return { domain: frontend, reference: gref, offset, direction, buffer: piece };
      });
      return domain.grants.copy(pieces);
    },
    respond: (answer) => {
      BLKIF_RESPONSE.write(new DataView(response.buffer), 0, RING_WIDTH, answer);
      const placed = ring.putResponse(response);
      ring.pushResponses();
      domain.events.notify(port);
      return placed;
    },
    close: () => {
      domain.events.close(port);
      pages.release();
    },
  };
};
