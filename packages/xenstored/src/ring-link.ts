import type { Domain } from "@xenolith/domain-interface";
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
  let port: Port | null = null;

  const notify = (): void => {
    if (port !== null) domain.events.notify(port);
  };
  const stream = createRingStream({
    page,
    send: XENSTORE_RING.replies,
    receive: XENSTORE_RING.requests,
    notify,
  });
  const { connection, error, reqCons, reqProd, rspCons, rspProd, serverFeatures } = XENSTORE_DOMAIN_INTERFACE;

  const onEvent = (): void => {
    if (stream.closed) return;
    if (page.readUint32(connection) === XENSTORE_RECONNECT) {
      for (const index of [reqCons, reqProd, rspCons, rspProd]) page.writeUint32(index, 0);
      onReconnect();
      page.writeUint32(connection, XENSTORE_CONNECTED);
      notify();
    }
    stream.activity();
  };
  const closePort = (): void => {
    if (port !== null) domain.events.close(port);
    port = null;
  };
  const rebind = (remote: Port): number => {
    closePort();
    const bound = domain.events.bindInterdomain(client, remote);
    if (bound < 0) return bound;
    port = toPort(bound);
    domain.events.listen(port, onEvent);
    return 0;
  };

  const bound = rebind(remotePort);
  if (bound < 0) {
    page.release();
    return bound;
  }
  page.writeUint32(serverFeatures, XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
  return {
    stream,
    rebind,
    fail: (code) => {
      page.writeUint32(error, code);
      stream.close();
      notify();
    },
    release: () => {
      stream.close();
      closePort();
      page.release();
    },
  };
};
