import type { Domain, MappedPages } from "@xenolith/domain-interface";
import { createRingStream, type RingStream } from "@xenolith/io-ring";
import { type DomId, type Port, toGrantRef, toPort } from "@xenolith/xen-abi";
import { GNTTAB_RESERVED_XENSTORE } from "@xenolith/xen-abi/grant-table";
import {
  XENSTORE_CONNECTED,
  XENSTORE_DOMAIN_INTERFACE,
  XENSTORE_RECONNECT,
  XENSTORE_RING,
  XENSTORE_SERVER_FEATURE_ERROR,
  XENSTORE_SERVER_FEATURE_RECONNECTION,
} from "@xenolith/xen-abi/io/xs-wire";

/** The server's end of a domain's xenstore page. [XEN io/xs_wire.h] [XENDOC xenstore-ring.txt] */
export interface RingLink {
  readonly stream: RingStream;
  /** Writes the page's `error` field and serves the page no more. */
  fail(error: number): void;
  /** Binds another event channel in place of the present one. @returns 0 or a negative errno; the link has no channel then. */
  rebind(remotePort: Port): number;
  /** Unmaps the page and closes the event channel. */
  release(): void;
}

/** A class, not closures: a host has one for every domain. */
class PageLink implements RingLink {
  readonly stream: RingStream;
  readonly #domain: Domain;
  readonly #client: DomId;
  readonly #page: MappedPages;
  readonly #onReconnect: () => void;
  #port: Port | null = null;

  constructor(domain: Domain, client: DomId, page: MappedPages, onReconnect: () => void) {
    this.#domain = domain;
    this.#client = client;
    this.#page = page;
    this.#onReconnect = onReconnect;
    this.stream = createRingStream({
      page,
      send: XENSTORE_RING.replies,
      receive: XENSTORE_RING.requests,
      notify: () => this.#notify(),
    });
  }

  rebind(remotePort: Port): number {
    this.#closePort();
    const bound = this.#domain.events.bindInterdomain(this.#client, remotePort);
    if (bound < 0) return bound;
    this.#port = toPort(bound);
    this.#domain.events.listen(this.#port, () => this.#takeEvent());
    return 0;
  }

  fail(error: number): void {
    this.#page.writeUint32(XENSTORE_DOMAIN_INTERFACE.error, error);
    this.stream.close();
    this.#notify();
  }

  release(): void {
    this.stream.close();
    this.#closePort();
    this.#page.release();
  }

  #takeEvent(): void {
    const { connection, reqCons, reqProd, rspCons, rspProd } = XENSTORE_DOMAIN_INTERFACE;
    if (this.stream.closed) return;
    if (this.#page.readUint32(connection) === XENSTORE_RECONNECT) {
      for (const index of [reqCons, reqProd, rspCons, rspProd]) this.#page.writeUint32(index, 0);
      this.#onReconnect();
      this.#page.writeUint32(connection, XENSTORE_CONNECTED);
      this.#notify();
    }
    this.stream.activity();
  }

  #notify(): void {
    if (this.#port !== null) this.#domain.events.notify(this.#port);
  }

  #closePort(): void {
    if (this.#port !== null) this.#domain.events.close(this.#port);
    this.#port = null;
  }
}

/**
 * Maps the page that a domain has granted by its reserved entry and binds its event channel. `onReconnect`
 * runs when the domain asks for a fresh start: nothing of the old connection counts then.
 * @returns the link, or a negative GNTST or errno; nothing is left mapped or bound then.
 */
export const connectRing = (
  domain: Domain,
  client: DomId,
  remotePort: Port,
  onReconnect: () => void,
): RingLink | number => {
  const page = domain.grants.map(client, [toGrantRef(GNTTAB_RESERVED_XENSTORE)], true);
  if (typeof page === "number") return page;
  const link = new PageLink(domain, client, page, onReconnect);
  const bound = link.rebind(remotePort);
  if (bound < 0) {
    page.release();
    return bound;
  }
  page.writeUint32(
    XENSTORE_DOMAIN_INTERFACE.serverFeatures,
    XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR,
  );
  return link;
};
