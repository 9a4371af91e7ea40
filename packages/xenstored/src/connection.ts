import type { Participant } from "@xenolith/io-ring";
import type { RingLink } from "./ring-link.ts";
import type { Session } from "./session.ts";

/** Serves at most `limit` requests of a connection. @returns how many it took. */
export type ServeTurn = (connection: Connection, limit: number) => number;

/** A session and how it is served. */
export class Connection implements Participant {
  readonly session: Session;
  /** The page of a domain; null for a client on a stream. */
  readonly link: RingLink | null;
  /** Nothing is served any more. */
  ended = false;
  readonly #serveTurn: ServeTurn;

  constructor(session: Session, link: RingLink | null, serveTurn: ServeTurn) {
    this.session = session;
    this.link = link;
    this.#serveTurn = serveTurn;
  }

  serve(limit: number): number {
    return this.#serveTurn(this, limit);
  }
}
