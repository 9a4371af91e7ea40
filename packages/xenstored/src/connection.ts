import type { Participant } from "@xenolith/io-ring";
import type { RingLink } from "./ring-link.ts";
import type { Session } from "./session.ts";

/** A session and how it is served. */
export interface Connection extends Participant {
  readonly session: Session;
  /** The page of a domain; null for a client on a stream. */
  readonly link: RingLink | null;
  /** Nothing is served any more. */
  ended: boolean;
}
