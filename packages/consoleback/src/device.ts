import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain, MappedPages } from "@xenolith/domain-interface";
import { createRingStream, type RingStream } from "@xenolith/io-ring";
import { toNanoseconds } from "@xenolith/machine-interface";
import { silentTrace, type TraceEventId, type TraceSink } from "@xenolith/trace";
import { type DomId, type GrantRef, type Port, toPort } from "@xenolith/xen-abi";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";
import { createHistory, type History } from "./history.ts";
import { type ConsoleCounters, type ConsoleStats, createCounters } from "./stats.ts";
import { TRACE } from "./trace.ts";

/** What a console back end is made with. */
export interface ConsoleBackendOptions {
  /** Domain the back end lives in. */
  readonly domain: Domain;
  /** Domain whose console it is. */
  readonly guest: DomId;
  /** Grant of the console page: GNTTAB_RESERVED_CONSOLE. */
  readonly reference: GrantRef;
  /** The guest's unbound port. */
  readonly port: Port;
  /** Output kept for terminals that come later. Default 64 KiB. */
  readonly backlogBytes?: number;
  readonly trace?: TraceSink;
}

/**
 * Serves one guest's console ring. With a terminal attached nothing is lost: when the terminal is full the guest's ring fills
 * and the guest waits. Without one the guest never waits: the last output is kept and the oldest dropped, and counted.
 */
export interface ConsoleBackend {
  /**
   * Connects a terminal in place of the present one, or (null) disconnects it. It first gets what is kept and no terminal has
   * seen. The stream's listener belongs to the back end.
   */
  attach(terminal: ByteStream | null): void;
  /** The last output, up to `maximumBytes`, whether a terminal has seen it or not. */
  tail(maximumBytes: number): Uint8Array;
  /** Bytes in the guest's input ring that it has not taken. */
  readonly unreadInputBytes: number;
  /** Whether the guest put impossible indices in its ring. It is served no more then. */
  readonly violated: boolean;
  readonly stats: ConsoleStats;
  /** Unmaps the page and closes the event channel. Output so far can still be read. */
  close(): void;
}

const DEFAULT_BACKLOG_BYTES = 65_536;
const CHUNK_BYTES = 2048;
/** What is being passed on at the moment, by whichever console: nothing is kept in it. */
const chunk: Uint8Array = new Uint8Array(CHUNK_BYTES);
/** No input waits. */
const NOTHING_TYPED: Uint8Array = new Uint8Array(0);
/** Passes over the ring before other work of the domain has its turn. */
const PASSES_PER_EVENT = 4;
/** How often a full input ring is looked at again: guests need not say that they have taken input. */
const RETRY_NS = 1_000_000;
const COST_PER_PASS_NS = 1_000;

/** Events of the trace as the recorder knows them. */
interface TracedEvents {
  readonly output: TraceEventId;
  readonly input: TraceEventId;
  readonly violation: TraceEventId;
}

/** What a back end has in hand when its page is mapped and its event channel bound. */
interface Connected {
  readonly page: MappedPages;
  readonly port: Port;
}

/** A class, not closures: a host has one for every domain. */
class RingConsole implements ConsoleBackend {
  readonly stats: ConsoleCounters = createCounters();
  readonly #domain: Domain;
  readonly #guest: DomId;
  readonly #page: MappedPages;
  readonly #port: Port;
  readonly #ring: RingStream;
  readonly #capacityBytes: number;
  readonly #history: History;
  readonly #trace: TraceSink;
  readonly #traced: TracedEvents;
  #terminal: ByteStream | null = null;
  #seen = 0;
  #typed = NOTHING_TYPED;
  #cancelRetry: (() => void) | null = null;
  #isClosed = false;
  #isServing = false;
  #again = false;

  constructor(options: ConsoleBackendOptions, { page, port }: Connected) {
    const { domain, trace = silentTrace } = options;
    this.#domain = domain;
    this.#guest = options.guest;
    this.#page = page;
    this.#port = port;
    this.#ring = createRingStream({
      page,
      send: CONSOLE_RING.in,
      receive: CONSOLE_RING.out,
      notify: () => domain.events.notify(port),
    });
    this.#capacityBytes = options.backlogBytes ?? DEFAULT_BACKLOG_BYTES;
    this.#history = createHistory(this.#capacityBytes);
    this.#trace = trace;
    this.#traced = {
      output: trace.define(TRACE.output),
      input: trace.define(TRACE.input),
      violation: trace.define(TRACE.violation),
    };
    domain.events.listen(port, () => this.#serve());
  }

  get violated(): boolean {
    return this.#ring.violated;
  }

  get unreadInputBytes(): number {
    const { producerOffset, consumerOffset } = CONSOLE_RING.in;
    if (this.#isClosed) return 0;
    return (this.#page.readUint32(producerOffset) - this.#page.readUint32(consumerOffset)) >>> 0;
  }

  attach(next: ByteStream | null): void {
    this.#terminal?.onActivity(null);
    this.#terminal = next;
    next?.onActivity(() => this.#serve());
    this.#serve();
    if (this.#ring.closed) this.#deliver();
  }

  tail(maximumBytes: number): Uint8Array {
    return this.#history.copy(this.#history.end - maximumBytes, maximumBytes);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#serve();
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#ring.close();
    this.#domain.events.close(this.#port);
    this.#page.release();
  }

  /** A terminal in this process may answer at once, from within a delivery: that is served when the delivery is over. */
  #serve(): void {
    this.#again = true;
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#again && !this.#isClosed && !this.#ring.closed) {
      this.#again = false;
      this.#serveOnce();
    }
    this.#isServing = false;
  }

  #serveOnce(): void {
    for (let pass = 0; pass < PASSES_PER_EVENT; pass++) {
      this.#domain.charge(toNanoseconds(COST_PER_PASS_NS));
      this.#deliver();
      if (this.#takeOutput() === 0) break;
      if (pass === PASSES_PER_EVENT - 1) this.#retryLater();
    }
    this.#giveInput();
    if (this.#ring.violated) this.#record(this.#traced.violation);
  }

  #deliver(): void {
    const history = this.#history;
    if (this.#terminal?.closed === true) this.#terminal = null;
    if (this.#terminal === null) return;
    if (this.#seen < history.start) {
      this.stats.droppedBytes += history.start - this.#seen;
      this.#seen = history.start;
    }
    while (this.#seen < history.end) {
      const taken = this.#terminal.write(history.copy(this.#seen, CHUNK_BYTES));
      if (taken === 0) return;
      this.#seen += taken;
    }
  }

  /** Room for output: unlimited without a terminal, else what can be kept until the terminal has seen it. */
  #room(): number {
    if (this.#terminal === null) return CHUNK_BYTES;
    return Math.min(CHUNK_BYTES, this.#capacityBytes - (this.#history.end - this.#seen));
  }

  #takeOutput(): number {
    const taken = this.#ring.read(chunk.subarray(0, this.#room()));
    if (taken === 0) return 0;
    this.#history.append(chunk.subarray(0, taken));
    this.stats.outputBytes += taken;
    this.#record(this.#traced.output, taken);
    this.#deliver();
    return taken;
  }

  #giveInput(): void {
    for (;;) {
      const terminal = this.#terminal;
      if (this.#typed.length === 0 && terminal !== null) this.#typed = chunk.slice(0, terminal.read(chunk));
      if (this.#typed.length === 0) {
        this.#typed = NOTHING_TYPED;
        return;
      }
      const taken = this.#ring.write(this.#typed);
      this.stats.inputBytes += taken;
      if (taken > 0) this.#record(this.#traced.input, taken);
      this.#typed = this.#typed.subarray(taken);
      if (this.#typed.length > 0) {
        this.#retryLater();
        return;
      }
    }
  }

  #retryLater(): void {
    if (this.#cancelRetry !== null || this.#isClosed) return;
    const { timers } = this.#domain;
    this.#cancelRetry = timers.at(toNanoseconds(timers.now() + RETRY_NS), () => {
      this.#cancelRetry = null;
      this.#serve();
    });
  }

  #record(event: TraceEventId, bytes?: number): void {
    if (this.#trace.on) this.#trace.record(event, this.#guest, bytes);
  }
}

/**
 * Maps a guest's console page and binds its event channel.
 * @returns the back end, or a negative GNTST or errno with nothing left mapped or bound.
 */
export const createConsoleBackend = (options: ConsoleBackendOptions): ConsoleBackend | number => {
  const { domain, guest } = options;
  const page = domain.grants.map(guest, [options.reference], true);
  if (typeof page === "number") return page;
  const bound = domain.events.bindInterdomain(guest, options.port);
  if (bound < 0) {
    page.release();
    return bound;
  }
  return new RingConsole(options, { page, port: toPort(bound) });
};
