import type { ByteStream } from "@xenolith/backend-interface";
import { createTurns } from "@xenolith/io-ring";
import { toNanoseconds } from "@xenolith/machine-interface";
import { silentTrace } from "@xenolith/trace";
import {
  XENSTORE_ERROR_PROTO,
  XENSTORE_ERROR_RINGIDX,
  XS_ERROR,
  XSD_ERRORS,
} from "@xenolith/xen-abi/io/xs-wire";
import { encodeMessage, encodeStrings, type StoreMessage } from "@xenolith/xenbus/wire";
import { announceChange } from "./announce.ts";
import { Connection } from "./connection.ts";
import { executeControl } from "./control.ts";
import { DEFAULT_XENSTORED_COSTS } from "./costs.ts";
import { createDomainTable } from "./domain-table.ts";
import { type Answer, executeRequest } from "./execute.ts";
import { parseMessage } from "./parse.ts";
import { DEFAULT_QUOTAS, type Quotas } from "./quotas.ts";
import type { RingLink } from "./ring-link.ts";
import { createSession, type Session } from "./session.ts";
import { createCounters } from "./stats.ts";
import { checkDatabase } from "./store/check.ts";
import { createDatabase } from "./store/database.ts";
import type { Principal } from "./store/permissions.ts";
import { XENSTORED_TRACE } from "./trace.ts";
import type { Xenstored, XenstoredOptions } from "./types.ts";
import { createWatchRegistry } from "./watches.ts";

/** Requests served for one connection before the next has its turn, and in all before other work of the domain runs. */
const REQUESTS_PER_TURN = 8;
const REQUESTS_PER_DISPATCH = 64;

/** Answers that may wait for a privileged client before no more of its requests are taken. */
const PRIVILEGED_OUTSTANDING_REPLIES = 1024;

/** Makes a store with what xenstored starts with, and its daemon. */
export const createXenstored = (options: XenstoredOptions): Xenstored => {
  const { domain: home } = options;
  const costs = options.costs ?? DEFAULT_XENSTORED_COSTS;
  const trace = options.trace ?? silentTrace;
  const quotas: Quotas = { ...DEFAULT_QUOTAS, ...options.quotas };
  const traceRequest = trace.define(XENSTORED_TRACE.request);
  const traceChange = trace.define(XENSTORED_TRACE.change);
  const traceViolation = trace.define(XENSTORED_TRACE.violation);

  const counters = createCounters();
  const watches = createWatchRegistry();
  const database = createDatabase((change) => {
    const fired = announceChange(database, watches, change);
    if (fired === 0) return;
    counters.events += fired;
    home.charge(toNanoseconds(fired * costs.eventNs));
    if (trace.on) trace.record(traceChange, fired);
  });

  const connections = new Set<Connection>();
  const end = (connection: Connection): void => {
    connection.ended = true;
    turns.remove(connection);
    connection.session.clear();
    connections.delete(connection);
  };
  /** Gives up on a client that broke the protocol. A domain stays known until it is released. */
  const fail = (connection: Connection, error: number): void => {
    counters.violations++;
    if (trace.on) trace.record(traceViolation, connection.session.principal.domain, error);
    end(connection);
    if (connection.link === null) connection.session.stream.close();
    else connection.link.fail(error);
  };

  const answer = (session: Session, message: StoreMessage): void => {
    const rules = { base: session.base, lengthLimit: session.quotas?.pathLength ?? Number.POSITIVE_INFINITY };
    const parsed = parseMessage(message, session.principal.privileged, rules);
    const { reply, afterwards }: Answer =
      typeof parsed === "string"
        ? { reply: parsed }
        : executeRequest({ database, domains, session }, parsed, message.transactionId);
    const failed = typeof reply === "string";
    const payload = failed ? encodeStrings([reply]) : reply;
    const type = failed ? XS_ERROR : message.type;
    session.outbox.pushReply(encodeMessage({ ...message, type, payload }));
    afterwards?.();

    counters.requests++;
    if (failed) counters.errors++;
    if (reply === "EAGAIN") counters.conflicts++;
    const bytes = message.payload.length + payload.length;
    home.charge(toNanoseconds(costs.requestNs + bytes * costs.byteNs));
    if (trace.on) {
      const error = failed ? XSD_ERRORS.indexOf(reply) + 1 : 0;
      trace.record(traceRequest, session.principal.domain, message.type, message.payload.length, error);
    }
  };

  /** Serves one connection's turn. @returns how many requests it took; as many as it may when there are perhaps more. */
  const serveTurn = (connection: Connection, limit: number): number => {
    if (connection.ended) return 0;
    const { session, link } = connection;
    const { stream, outbox, reader } = session;
    const outstanding = session.quotas?.outstandingReplies ?? PRIVILEGED_OUTSTANDING_REPLIES;
    let served = 0;
    outbox.flush(stream);
    while (served < limit && outbox.replies < outstanding) {
      const message = reader.next(stream);
      if (message === null) break;
      answer(session, message);
      served++;
    }
    outbox.flush(stream);
    if (reader.violated) fail(connection, XENSTORE_ERROR_PROTO);
    else if (link?.stream.violated === true) fail(connection, XENSTORE_ERROR_RINGIDX);
    // What came before the other end closed is still served.
    else if (stream.closed && served < limit) end(connection);
    return served;
  };

  const turns = createTurns(
    { requestsPerTurn: REQUESTS_PER_TURN, requestsPerDispatch: REQUESTS_PER_DISPATCH },
    (run) => home.timers.at(home.timers.now(), run),
  );

  const shared = { quotas, database, watches };
  const open = (stream: ByteStream, principal: Principal, link: RingLink | null): Connection => {
    const wake = (): void => turns.wake(connection);
    const session = createSession({ stream, principal, shared, onPending: wake });
    const connection = new Connection(session, link, serveTurn);
    connections.add(connection);
    stream.onActivity(wake);
    wake();
    return connection;
  };

  const table = createDomainTable({ home, database, open, end });
  const domains = {
    ...table.registry,
    control: (command: string, parameters: readonly string[]) =>
      executeControl({ database, quotas, domains: table.list }, command, parameters),
  };

  return {
    connect: (stream, { domain, privileged }) => {
      open(stream, { domain, privileged, target: null }, null);
    },
    introduce: table.introduce,
    release: table.release,
    domainStopped: table.stopped,
    get stats() {
      return { ...counters, connections: connections.size, watches: watches.size };
    },
    check: () => checkDatabase(database),
  };
};
