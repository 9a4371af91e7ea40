import type { Domain, MappedPages } from "@xenolith/domain-interface";
import {
  type BackRing,
  createBackRing,
  type Participant,
  RING_VIOLATION,
  SLOT_NONE,
  type Turns,
} from "@xenolith/io-ring";
import { type DomId, type Port, toPort } from "@xenolith/xen-abi";
import { BLKIF_RESPONSE, BLKIF_SLOT_BYTES } from "@xenolith/xen-abi/io/blkif";
import { type DataPages, type MappingBudget, openDataPages } from "./data-pages.ts";
import type { RingOffer } from "./negotiate.ts";
import type { ParsedRequest } from "./parse.ts";

/** Bounds of what one front end makes its back end hold. */
export interface InFlightLimits {
  /** Requests of one device under way at a time. */
  readonly requestsInFlight: number;
  /** Bytes of data that requests under way may hold before no other is taken; the last one taken may go beyond. */
  readonly bytesInFlight: number;
  /** Pages of one device that are kept mapped, for front ends that use the same grants again and again. */
  readonly persistentGrants: number;
}

/** What a connection needs of its device. */
export interface ConnectionOptions {
  readonly domain: Domain;
  readonly turns: Turns;
  readonly frontendDomain: DomId;
  readonly offer: RingOffer;
  /** Most that may be under way at a time. */
  readonly limits: InFlightLimits;
  readonly mappings: MappingBudget;
  /** Reads a request from a slot that was copied out of the ring. */
  readonly parse: (slot: DataView, pages: DataPages) => ParsedRequest;
  /** Carries a request out. `done` is called exactly once, with the response's status. */
  readonly execute: (request: ParsedRequest, pages: DataPages, done: (status: number) => void) => void;
  /** Service stopped because as much as may be is under way. */
  readonly onStall: () => void;
  /** The front end's indices are impossible: the connection must be closed. */
  readonly onViolation: () => void;
}

/** The ring of one front end, from its connection to its disconnection. */
export interface Connection {
  readonly slotCount: number;
  /** Requests taken and not answered. */
  readonly unanswered: number;
  /** Unmaps the ring and closes the event channel. What is under way ends without an answer. */
  close(): void;
}

/** Bytes of the buffer that a request is carried out with. */
const bufferBytes = ({ command }: ParsedRequest): number =>
  command.kind === "read" || command.kind === "write" ? command.lengthBytes : 0;

const isBarrier = ({ command }: ParsedRequest): boolean =>
  command.kind === "write" && command.order === "barrier";

class RingService implements Connection, Participant {
  private isOpen = true;
  private inFlight = 0;
  private bytesInFlight = 0;
  /** A barrier that waits for the requests before it, or is under way. No request is taken meanwhile. */
  private barrier: ParsedRequest | null = null;
  private readonly slot: Uint8Array;
  private readonly slotView: DataView;
  private readonly response: Uint8Array;
  private readonly responseView: DataView;
  private inTurn = false;
  private readonly options: ConnectionOptions;
  private readonly pages: MappedPages;
  private readonly data: DataPages;
  private readonly port: Port;
  private readonly ring: BackRing;

  constructor(options: ConnectionOptions, pages: MappedPages, port: Port) {
    const slotBytes = BLKIF_SLOT_BYTES[options.offer.width];
    this.options = options;
    this.pages = pages;
    this.port = port;
    this.data = openDataPages({
      grants: options.domain.grants,
      frontendDomain: options.frontendDomain,
      persistentGrants: options.offer.persistent ? options.limits.persistentGrants : 0,
      budget: options.mappings,
    });
    this.ring = createBackRing({ page: pages, ringBytes: pages.lengthBytes, slotBytes });
    this.slot = new Uint8Array(slotBytes);
    this.slotView = new DataView(this.slot.buffer);
    this.response = new Uint8Array(BLKIF_RESPONSE.size(options.offer.width));
    this.responseView = new DataView(this.response.buffer);
  }

  get slotCount(): number {
    return this.ring.slotCount;
  }

  get unanswered(): number {
    return this.ring.unanswered;
  }

  start(): void {
    const { domain, turns } = this.options;
    domain.events.listen(this.port, () => {
      turns.wake(this);
      turns.run();
    });
    // The front end may have filled the ring, and sent its event, before anybody listened.
    turns.wake(this);
  }

  serve(limit: number): number {
    this.inTurn = true;
    const served = this.takeRequests(limit);
    this.inTurn = false;
    this.pushResponses();
    return served;
  }

  private takeRequests(limit: number): number {
    for (let taken = 0; taken < limit; taken++) {
      if (!this.isOpen || this.barrier !== null) return taken;
      if (this.isFull()) {
        this.options.onStall();
        return taken;
      }
      const result = this.ring.takeRequest(this.slot);
      if (result === RING_VIOLATION) {
        this.options.onViolation();
        return taken;
      }
      // Requests that came just now are for the next turn.
      if (result === SLOT_NONE) return this.ring.finalCheck() ? limit : taken;
      this.admit(this.options.parse(this.slotView, this.data));
    }
    return limit;
  }

  private isFull(): boolean {
    const { requestsInFlight, bytesInFlight } = this.options.limits;
    return this.inFlight >= requestsInFlight || this.bytesInFlight >= bytesInFlight;
  }

  private admit(request: ParsedRequest): void {
    if (isBarrier(request)) this.barrier = request;
    if (this.barrier === null || this.inFlight === 0) this.begin(request);
  }

  private begin(request: ParsedRequest): void {
    this.inFlight++;
    this.bytesInFlight += bufferBytes(request);
    this.options.execute(request, this.data, (status) => this.complete(request, status));
  }

  private complete(request: ParsedRequest, status: number): void {
    const wasFull = this.isFull();
    this.inFlight--;
    this.bytesInFlight -= bufferBytes(request);
    if (!this.isOpen) return;
    const { id, operation } = request;
    BLKIF_RESPONSE.write(this.responseView, 0, this.options.offer.width, { id, operation, status });
    this.ring.putResponse(this.response);
    if (!this.inTurn) this.pushResponses();

    const held = this.barrier;
    if (held === request) this.barrier = null;
    else if (held !== null && this.inFlight === 0) this.begin(held);
    if (held === request || wasFull) this.options.turns.wake(this);
  }

  private pushResponses(): void {
    if (this.isOpen && this.ring.pushResponses()) this.options.domain.events.notify(this.port);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { domain, turns } = this.options;
    turns.remove(this);
    domain.events.close(this.port);
    this.data.close();
    this.pages.release();
  }
}

/**
 * Maps the ring that a front end offers, binds its event channel and serves it from now on.
 * @returns a sentence when one of them cannot be had; nothing is held then.
 */
export const openConnection = (options: ConnectionOptions): Connection | string => {
  const { domain, frontendDomain, offer } = options;
  const pages = domain.grants.map(frontendDomain, offer.references, true);
  if (typeof pages === "number") return `the ring cannot be mapped (grant status ${pages})`;
  const port = domain.events.bindInterdomain(frontendDomain, offer.eventChannel);
  if (port < 0) {
    pages.release();
    return `the event channel cannot be bound (error ${-port})`;
  }
  const connection = new RingService(options, pages, toPort(port));
  connection.start();
  return connection;
};
