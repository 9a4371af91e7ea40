import { type ByteStream, createStreamPair } from "@xenolith/backend-interface";
import { type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import { type DomId, type GrantRef, type Port, toDomId, toGrantRef } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { GrantCopy } from "../grants.ts";
import type { MappedPages, OwnPages } from "../pages.ts";

const PAGE_BYTES = 4096;
const ENOENT = -2;
const EINVAL = -22;
const GNTST_BAD_GNTREF = -3;
const GNTST_GENERAL_ERROR = -1;

/** Several domains in one process without a hypervisor: events, grants and time work between them as the contracts say. */
export interface FakeHost {
  /** A new domain, or the one made before. `store` is the domain's end of its xenstore connection. */
  domain(id: number): FakeDomain;
  /** Dispatches events and due timers until nothing is left to do at the present time. Bounded: @throws Error after 100,000 steps. */
  settle(): void;
  /** Moves time, firing timers on the way, and settles. */
  advance(durationNs: number): void;
  /** Grants that are mapped now, over all domains: 0 when nothing leaks. */
  readonly mappedGrants: number;
}

/** A domain of a {@link FakeHost}. */
export interface FakeDomain extends Domain {
  /** The other end of `store`: what a xenstore daemon would hold. */
  readonly storePeer: ByteStream;
  /** Sum of all charges. */
  readonly chargedNs: number;
  /** Grants a page under a reference of the caller's choice, as a toolstack does with the reserved entries for console and xenstore. */
  seedGrant(reference: number, pages: OwnPages, pageIndex: number, to: number): void;
}

interface FakePort {
  readonly owner: number;
  remote: number;
  remotePort: number;
  bound: boolean;
  pending: boolean;
  listener: (() => void) | null;
}

interface FakeGrant {
  readonly bytes: Uint8Array;
  readonly to: number;
  readonly writable: boolean;
  users: number;
}

const wholePages = (parts: readonly Uint8Array[], writable: boolean, release: () => void): MappedPages => {
  let live = true;
  const locate = (at: number): [Uint8Array, number] | null => {
    const part = live && at >= 0 ? parts[Math.floor(at / PAGE_BYTES)] : undefined;
    return part === undefined ? null : [part, at % PAGE_BYTES];
  };
  /** Calls `piece(page, offset in it, offset in the buffer, length)` for each part of a range that there is. */
  const forEachPiece = (
    at: number,
    lengthBytes: number,
    piece: (page: Uint8Array, offset: number, from: number, length: number) => void,
  ): void => {
    for (let from = 0; from < lengthBytes; ) {
      const place = locate(at + from);
      if (place === null) return;
      const length = Math.min(PAGE_BYTES - place[1], lengthBytes - from);
      piece(place[0], place[1], from, length);
      from += length;
    }
  };
  const copyIn = (at: number, bytes: Uint8Array): void => {
    if (!writable) return;
    forEachPiece(at, bytes.length, (page, offset, from, length) =>
      page.set(bytes.subarray(from, from + length), offset),
    );
  };
  const copyOut = (at: number, into: Uint8Array): void => {
    into.fill(0);
    forEachPiece(at, into.length, (page, offset, from, length) =>
      into.set(page.subarray(offset, offset + length), from),
    );
  };
  const word = new Uint8Array(4);
  const wordView = new DataView(word.buffer);
  return {
    get lengthBytes() {
      return live ? parts.length * PAGE_BYTES : 0;
    },
    writable,
    copyIn,
    copyOut,
    readUint32: (at) => {
      copyOut(at, word);
      return wordView.getUint32(0, true);
    },
    writeUint32: (at, value) => {
      wordView.setUint32(0, value, true);
      copyIn(at, word);
    },
    release: () => {
      if (live) release();
      live = false;
    },
  };
};

/** Makes a host of fake domains. */
export const createFakeHost = (): FakeHost => {
  const domains = new Map<number, FakeDomain>();
  const ports = new Map<string, FakePort>();
  const grants = new Map<string, FakeGrant>();
  const pagesOf = new Map<MappedPages, Uint8Array[]>();
  let timers: { at: number; order: number; run: () => void }[] = [];
  let nextPort = 1;
  let nextReference = 8;
  let order = 0;
  let now = 0;
  let mapped = 0;

  const key = (domain: number, number: number): string => `${domain}:${number}`;
  const dispatchOne = (): boolean => {
    for (const port of ports.values()) {
      if (!port.pending || port.listener === null) continue;
      port.pending = false;
      port.listener();
      return true;
    }
    const due = timers.filter((timer) => timer.at <= now).sort((a, b) => a.at - b.at || a.order - b.order)[0];
    if (due === undefined) return false;
    timers = timers.filter((timer) => timer !== due);
    due.run();
    return true;
  };
  const settle = (): void => {
    for (let step = 0; step < 100_000; step++) if (!dispatchOne()) return;
    throw new Error("fake host does not settle");
  };

  const makeDomain = (id: number): FakeDomain => {
    const [store, storePeer] = createStreamPair();
    let chargedNs = 0;
    /** Alarms of virtual time, which is what has been charged. */
    let executedAlarms: { at: number; run: () => void }[] = [];
    const newPort = (remote: number, remotePort: number, bound: boolean): number => {
      const port = nextPort++;
      ports.set(key(id, port), { owner: id, remote, remotePort, bound, pending: false, listener: null });
      return port;
    };
    const findGrant = (domain: DomId, reference: GrantRef, writable: boolean): FakeGrant | null => {
      const grant = grants.get(key(domain, reference));
      return grant === undefined || grant.to !== id || (writable && !grant.writable) ? null : grant;
    };
    const copyOne = (piece: GrantCopy): number => {
      const grant = findGrant(piece.domain, piece.reference, piece.direction === "to-grant");
      if (grant === null) return GNTST_BAD_GNTREF;
      if (piece.offset + piece.buffer.length > PAGE_BYTES) return GNTST_GENERAL_ERROR;
      if (piece.direction === "to-grant") grant.bytes.set(piece.buffer, piece.offset);
      else piece.buffer.set(grant.bytes.subarray(piece.offset, piece.offset + piece.buffer.length));
      return 0;
    };
    return {
      id: toDomId(id),
      store,
      storePeer,
      get chargedNs() {
        return chargedNs;
      },
      charge: (costNs: Nanoseconds) => {
        chargedNs += costNs;
        const due = executedAlarms.filter(({ at }) => at <= chargedNs).sort((a, b) => a.at - b.at);
        executedAlarms = executedAlarms.filter((alarm) => !due.includes(alarm));
        for (const { run } of due) timers.push({ at: now, order: order++, run });
      },
      seedGrant: (reference, pages, pageIndex, to) => {
        const bytes = pagesOf.get(pages)?.[pageIndex];
        if (bytes !== undefined) grants.set(key(id, reference), { bytes, to, writable: true, users: 0 });
      },
      events: {
        allocateUnbound: (remote) => newPort(remote, 0, false),
        bindInterdomain: (remote, remotePort) => {
          const other = ports.get(key(remote, remotePort));
          if (other === undefined || other.bound || other.remote !== id) return EINVAL;
          const port = newPort(remote, remotePort, true);
          other.bound = true;
          other.remotePort = port;
          return port;
        },
        bindVirq: () => newPort(id, 0, false),
        close: (port: Port) => {
          const mine = ports.get(key(id, port));
          if (mine === undefined) return EINVAL;
          ports.delete(key(id, port));
          const other = mine.bound ? ports.get(key(mine.remote, mine.remotePort)) : undefined;
          if (other !== undefined) other.bound = false;
          return 0;
        },
        notify: (port: Port) => {
          const mine = ports.get(key(id, port));
          if (mine === undefined) return EINVAL;
          const other = mine.bound ? ports.get(key(mine.remote, mine.remotePort)) : undefined;
          if (other !== undefined) other.pending = true;
          return other === undefined ? ENOENT : 0;
        },
        listen: (port: Port, listener) => {
          const mine = ports.get(key(id, port));
          if (mine !== undefined) mine.listener = listener;
        },
      },
      grants: {
        map: (domain, references, writable) => {
          const found = references.map((reference) => findGrant(domain, reference, writable));
          if (found.some((grant) => grant === null)) return GNTST_BAD_GNTREF;
          const usable = found.filter((grant) => grant !== null);
          for (const grant of usable) grant.users++;
          mapped += usable.length;
          return wholePages(
            usable.map((grant) => grant.bytes),
            writable,
            () => {
              for (const grant of usable) grant.users--;
              mapped -= usable.length;
            },
          );
        },
        copy: (pieces) => pieces.map(copyOne),
        allocatePages: (pageCount): OwnPages => {
          const parts = Array.from({ length: pageCount }, () => new Uint8Array(PAGE_BYTES));
          const pages: OwnPages = Object.assign(
            wholePages(parts, true, () => {}),
            { pageCount },
          );
          pagesOf.set(pages, parts);
          return pages;
        },
        offer: (pages, pageIndex, to, writable) => {
          const bytes = pagesOf.get(pages)?.[pageIndex];
          if (bytes === undefined) return EINVAL;
          const reference = nextReference++;
          grants.set(key(id, reference), { bytes, to, writable, users: 0 });
          return toGrantRef(reference);
        },
        withdraw: (reference) => {
          const grant = grants.get(key(id, reference));
          if (grant !== undefined && grant.users > 0) return false;
          grants.delete(key(id, reference));
          return true;
        },
      },
      timers: {
        now: () => toNanoseconds(now),
        executed: () => toNanoseconds(chargedNs),
        atExecuted: (deadlineNs, handler) => {
          const alarm = { at: deadlineNs, run: handler };
          executedAlarms.push(alarm);
          return () => {
            executedAlarms = executedAlarms.filter((other) => other !== alarm);
          };
        },
        at: (deadlineNs, handler) => {
          const timer = { at: deadlineNs, order: order++, run: handler };
          timers.push(timer);
          return () => {
            timers = timers.filter((other) => other !== timer);
          };
        },
      },
    };
  };

  return {
    domain: (id) => {
      const known = domains.get(id) ?? makeDomain(id);
      domains.set(id, known);
      return known;
    },
    settle,
    advance: (durationNs) => {
      const end = now + durationNs;
      settle();
      for (;;) {
        const next = Math.min(...timers.map((timer) => timer.at));
        if (next > end) break;
        now = Math.max(now, next);
        settle();
      }
      now = end;
      settle();
    },
    get mappedGrants() {
      return mapped;
    },
  };
};
