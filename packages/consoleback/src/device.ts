import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";
import { createRingStream } from "@xenolith/io-ring";
import { toNanoseconds } from "@xenolith/machine-interface";
import { silentTrace, type TraceSink } from "@xenolith/trace";
import { type DomId, type GrantRef, type Port, toPort } from "@xenolith/xen-abi";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";
import { createHistory } from "./history.ts";
import { type ConsoleStats, createCounters } from "./stats.ts";
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
/** Passes over the ring before other work of the domain has its turn. */
const PASSES_PER_EVENT = 4;
/** How often a full input ring is looked at again: guests need not say that they have taken input. */
const RETRY_NS = 1_000_000;
const COST_PER_PASS_NS = 1_000;

/**
 * Maps a guest's console page and binds its event channel.
 * @returns the back end, or a negative GNTST or errno with nothing left mapped or bound.
 */
export const createConsoleBackend = (options: ConsoleBackendOptions): ConsoleBackend | number => {
  const { domain, guest, trace = silentTrace } = options;
  const page = domain.grants.map(guest, [options.reference], true);
  if (typeof page === "number") return page;
  const bound = domain.events.bindInterdomain(guest, options.port);
  if (bound < 0) {
    page.release();
    return bound;
  }
  const port = toPort(bound);
  const ring = createRingStream({
    page,
    send: CONSOLE_RING.in,
    receive: CONSOLE_RING.out,
    notify: () => domain.events.notify(port),
  });
  const capacityBytes = options.backlogBytes ?? DEFAULT_BACKLOG_BYTES;
  const history = createHistory(capacityBytes);
  const counters = createCounters();
  const traced = {
    output: trace.define(TRACE.output),
    input: trace.define(TRACE.input),
    violation: trace.define(TRACE.violation),
  };
  let terminal: ByteStream | null = null;
  let seen = 0;
  let typed: Uint8Array = new Uint8Array(0);
  let cancelRetry: (() => void) | null = null;
  let isClosed = false;
  let isServing = false;
  let again = false;

  const deliver = (): void => {
    if (terminal?.closed === true) terminal = null;
    if (terminal === null) return;
    if (seen < history.start) {
      counters.droppedBytes += history.start - seen;
      seen = history.start;
    }
    while (seen < history.end) {
      const taken = terminal.write(history.copy(seen, CHUNK_BYTES));
      if (taken === 0) return;
      seen += taken;
    }
  };

  /** Room for output: unlimited without a terminal, else what can be kept until the terminal has seen it. */
  const room = (): number =>
    terminal === null ? CHUNK_BYTES : Math.min(CHUNK_BYTES, capacityBytes - (history.end - seen));

  const takeOutput = (): number => {
    const taken = ring.read(chunk.subarray(0, room()));
    if (taken === 0) return 0;
    history.append(chunk.subarray(0, taken));
    counters.outputBytes += taken;
    if (trace.on) trace.record(traced.output, guest, taken);
    deliver();
    return taken;
  };

  const retryLater = (): void => {
    if (cancelRetry !== null || isClosed) return;
    cancelRetry = domain.timers.at(toNanoseconds(domain.timers.now() + RETRY_NS), () => {
      cancelRetry = null;
      serve();
    });
  };

  const giveInput = (): void => {
    for (;;) {
      if (typed.length === 0 && terminal !== null) typed = chunk.slice(0, terminal.read(chunk));
      if (typed.length === 0) return;
      const taken = ring.write(typed);
      counters.inputBytes += taken;
      if (taken > 0 && trace.on) trace.record(traced.input, guest, taken);
      typed = typed.subarray(taken);
      if (typed.length > 0) {
        retryLater();
        return;
      }
    }
  };

  const serveOnce = (): void => {
    for (let pass = 0; pass < PASSES_PER_EVENT; pass++) {
      domain.charge(toNanoseconds(COST_PER_PASS_NS));
      deliver();
      if (takeOutput() === 0) break;
      if (pass === PASSES_PER_EVENT - 1) retryLater();
    }
    giveInput();
    if (ring.violated && trace.on) trace.record(traced.violation, guest);
  };

  /** A terminal in this process may answer at once, from within a delivery: that is served when the delivery is over. */
  const serve = (): void => {
    again = true;
    if (isServing) return;
    isServing = true;
    while (again && !isClosed && !ring.closed) {
      again = false;
      serveOnce();
    }
    isServing = false;
  };

  domain.events.listen(port, serve);

  return {
    attach: (next) => {
      terminal?.onActivity(null);
      terminal = next;
      next?.onActivity(serve);
      serve();
      if (ring.closed) deliver();
    },
    tail: (maximumBytes) => history.copy(history.end - maximumBytes, maximumBytes),
    get unreadInputBytes() {
      const { producerOffset, consumerOffset } = CONSOLE_RING.in;
      return isClosed ? 0 : (page.readUint32(producerOffset) - page.readUint32(consumerOffset)) >>> 0;
    },
    get violated() {
      return ring.violated;
    },
    stats: counters,
    close: () => {
      if (isClosed) return;
      serve();
      isClosed = true;
      cancelRetry?.();
      ring.close();
      domain.events.close(port);
      page.release();
    },
  };
};
