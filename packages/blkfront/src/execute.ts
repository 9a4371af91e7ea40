import type { Domain } from "@xenolith/domain-interface";
import { createFrontRing, type FrontRing, RING_VIOLATION, SLOT_TAKEN } from "@xenolith/io-ring";
import { toNanoseconds } from "@xenolith/machine-interface";
import { type DomId, type GuestWidth, type Port, toPort } from "@xenolith/xen-abi";
import {
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_REQUEST_DISCARD,
  BLKIF_SECTOR_BYTES,
  BLKIF_SLOT_BYTES,
  type BlkifRequestSegment,
  writeBlkifRequest,
} from "@xenolith/xen-abi/io/blkif";
import { bufferOf, isSent, type Job, settlePart } from "./jobs.ts";
import { type DiskProperties, type ParsedResponse, parseResponse } from "./parse.ts";
import { type SharedPages, sharePages } from "./shared-pages.ts";
import type { BlkfrontCounters } from "./stats.ts";

/** Layout of the rings made here, whatever the width of the domain: both ends are told by the node `protocol`. */
export const RING_WIDTH: GuestWidth = "x86_64";

const PAGE_BYTES = 4096;

/** What a ring session is made with. */
export interface SessionOptions {
  readonly domain: Domain;
  readonly backend: DomId;
  /** Pages of the ring, a power of two. */
  readonly ringPages: number;
  /** Pages through which data goes. */
  readonly dataPages: number;
  readonly costs: BlkfrontCosts;
  readonly counters: BlkfrontCounters;
  readonly onRequest: (id: number, operation: number, sector512: number, lengthBytes: number) => void;
  readonly onResponse: (response: ParsedResponse) => void;
  /** The back end sent an event. */
  readonly onEvent: () => void;
}

/** What requests cost in modelled processor time. */
export interface BlkfrontCosts {
  /** Making a request and taking its response. */
  readonly requestNs: number;
  /** Copying one page. */
  readonly segmentNs: number;
}

/** One slot's worth of a job. */
interface Part {
  readonly job: Job;
  readonly operation: number;
  /** Where its data begins in the job's buffer. */
  readonly offset: number;
  readonly lengthBytes: number;
  /** Data pages that carry it. */
  readonly pages: readonly number[];
}

/** A ring shared with a back end, and the requests that are on it. */
export interface RingSession {
  readonly port: Port;
  readonly ring: SharedPages;
  readonly outstanding: number;
  /** Puts as much of a job on the ring as there are slots and pages for. {@link push} shows it to the back end. */
  send(job: Job, disk: DiskProperties): void;
  push(): void;
  /**
   * Takes all responses. Jobs that are done by them are told so.
   * @returns a sentence when the back end has broken the protocol.
   */
  collect(): string | null;
  /** Ends the session. @returns jobs of which something was still on the ring. */
  close(): Job[];
}

class FrontSession implements RingSession {
  readonly port: Port;
  readonly ring: SharedPages;
  private readonly options: SessionOptions;
  private readonly data: SharedPages;
  private readonly slots: FrontRing;
  /** Requests on the ring by number. */
  private readonly parts = new Map<number, Part>();
  private readonly freeIds: number[];
  private readonly freePages: number[];
  private readonly slot = new Uint8Array(BLKIF_SLOT_BYTES[RING_WIDTH]);
  private readonly view = new DataView(this.slot.buffer);
  private open = true;

  constructor(options: SessionOptions, port: Port, ring: SharedPages, data: SharedPages) {
    this.options = options;
    this.port = port;
    this.ring = ring;
    this.data = data;
    const ringBytes = options.ringPages * PAGE_BYTES;
    this.slots = createFrontRing({ page: ring.pages, ringBytes, slotBytes: this.slot.length });
    this.freeIds = Array.from({ length: this.slots.slotCount }, (_unused, index) => index);
    this.freePages = Array.from({ length: options.dataPages }, (_unused, index) => index);
  }

  get outstanding(): number {
    return this.parts.size;
  }

  send(job: Job, disk: DiskProperties): void {
    while (!isSent(job)) {
      const carriesData = bufferOf(job.request) !== null;
      if (this.slots.freeSlots === 0 || (carriesData && this.freePages.length === 0)) {
        this.options.counters.stalls++;
        return;
      }
      this.sendPart(job, disk);
    }
  }

  private sendPart(job: Job, disk: DiskProperties): void {
    const { request } = job;
    if (request.kind === "flush") {
      this.put({ job, operation: disk.canFlush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER }, 0, []);
      job.sent = 1;
    } else if (request.kind === "discard") {
      this.put({ job, operation: BLKIF_OP_DISCARD }, request.sector512, []);
      job.sent = 1;
    } else {
      const buffer = request.kind === "read" ? request.into : request.from;
      const left = buffer.length - job.sent;
      const pageCount = Math.min(
        Math.ceil(left / PAGE_BYTES),
        BLKIF_MAX_SEGMENTS_PER_REQUEST,
        this.freePages.length,
      );
      const pages = this.freePages.splice(-pageCount);
      const lengthBytes = Math.min(left, pageCount * PAGE_BYTES);
      const offset = job.sent;
      if (request.kind === "write") this.copyOver(pages, buffer.subarray(offset, offset + lengthBytes), "in");
      const operation = request.kind === "read" ? BLKIF_OP_READ : BLKIF_OP_WRITE;
      job.sent += lengthBytes;
      this.put(
        { job, operation },
        request.sector512 + offset / BLKIF_SECTOR_BYTES,
        pages,
        offset,
        lengthBytes,
      );
    }
  }

  /** Puts a request into the next slot, which is free. */
  private put(
    { job, operation }: Pick<Part, "job" | "operation">,
    sector512: number,
    pages: readonly number[],
    offset = 0,
    lengthBytes = 0,
  ): void {
    const number = this.freeIds.pop();
    if (number === undefined) return;
    this.parts.set(number, { job, operation, offset, lengthBytes, pages });
    job.outstanding++;
    const id = { low: number, high: 0 };
    this.slot.fill(0);
    if (job.request.kind === "discard") {
      const nrSectors = job.request.sectorCount;
      BLKIF_REQUEST_DISCARD.write(this.view, 0, RING_WIDTH, {
        operation,
        flag: 0,
        handle: 0,
        id,
        sectorNumber: sector512,
        nrSectors,
      });
    } else {
      const seg = this.segmentsOf(pages, lengthBytes);
      writeBlkifRequest(this.view, 0, RING_WIDTH, {
        operation,
        nrSegments: seg.length,
        handle: 0,
        id,
        sectorNumber: sector512,
        seg,
      });
    }
    this.slots.putRequest(this.slot);
    const { costs, counters, domain } = this.options;
    counters.requests++;
    domain.charge(toNanoseconds(costs.requestNs + pages.length * costs.segmentNs));
    this.options.onRequest(number, operation, sector512, lengthBytes);
  }

  private segmentsOf(pages: readonly number[], lengthBytes: number): BlkifRequestSegment[] {
    return pages.flatMap((page, index) => {
      const gref = this.data.references[page];
      const inPage = Math.min(lengthBytes - index * PAGE_BYTES, PAGE_BYTES);
      return gref === undefined ? [] : [{ gref, firstSect: 0, lastSect: inPage / BLKIF_SECTOR_BYTES - 1 }];
    });
  }

  private copyOver(pages: readonly number[], bytes: Uint8Array, direction: "in" | "out"): void {
    for (const [index, page] of pages.entries()) {
      const piece = bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
      if (direction === "in") this.data.pages.copyIn(page * PAGE_BYTES, piece);
      else this.data.pages.copyOut(page * PAGE_BYTES, piece);
    }
  }

  push(): void {
    if (this.slots.pushRequests()) this.options.domain.events.notify(this.port);
  }

  collect(): string | null {
    while (this.open) {
      const taken = this.slots.takeResponse(this.slot);
      if (taken === RING_VIOLATION) return "the ring's indices are impossible";
      if (taken !== SLOT_TAKEN) {
        if (!this.slots.finalCheck()) return null;
        continue;
      }
      const response = parseResponse(this.view, RING_WIDTH);
      const part = this.parts.get(response.id);
      if (part === undefined) return "a response to a request that was not made";
      if (part.operation !== response.operation) return "a response to another operation than was asked";
      this.settle(part, response);
    }
    return null;
  }

  private settle(part: Part, response: ParsedResponse): void {
    const { counters, onResponse } = this.options;
    this.parts.delete(response.id);
    this.freeIds.push(response.id);
    this.freePages.push(...part.pages);
    onResponse(response);
    const { request } = part.job;
    const sectors = part.lengthBytes / BLKIF_SECTOR_BYTES;
    if (response.status !== "ok") counters.failures++;
    else if (request.kind === "write") counters.sectorsWritten += sectors;
    else if (request.kind === "read") {
      counters.sectorsRead += sectors;
      this.copyOver(part.pages, request.into.subarray(part.offset, part.offset + part.lengthBytes), "out");
    }
    settlePart(part.job, response.status);
  }

  close(): Job[] {
    this.open = false;
    this.options.domain.events.close(this.port);
    this.ring.retire();
    this.data.retire();
    const jobs = new Set([...this.parts.values()].map(({ job }) => job));
    this.parts.clear();
    return [...jobs];
  }
}

/** Makes a ring for a back end. @returns a sentence when pages, grants or ports are used up; nothing is held then. */
export const openSession = (options: SessionOptions): RingSession | string => {
  const { domain, backend } = options;
  const ring = sharePages(domain, backend, options.ringPages);
  if (ring === null) return "no memory or grants for the ring";
  const data = sharePages(domain, backend, options.dataPages);
  const port = data === null ? -1 : domain.events.allocateUnbound(backend);
  if (data === null || port < 0) {
    ring.retire();
    data?.retire();
    return data === null ? "no memory or grants for data pages" : `no event channel (error ${-port})`;
  }
  const session = new FrontSession(options, toPort(port), ring, data);
  domain.events.listen(session.port, options.onEvent);
  return session;
};
