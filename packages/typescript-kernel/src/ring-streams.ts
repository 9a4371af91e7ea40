import type { EventPorts, MappedPages } from "@xenolith/domain-interface";
import { createRingStream, type RingStream } from "@xenolith/io-ring";
import type { Port } from "@xenolith/xen-abi";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";
import { XENSTORE_RING } from "@xenolith/xen-abi/io/xs-wire";

const overEvents = (events: EventPorts, port: Port, make: (notify: () => void) => RingStream): RingStream => {
  const stream = make(() => events.notify(port));
  events.listen(port, () => stream.activity());
  return stream;
};

/** The guest's end of its console page: sends through `out`, receives through `in`. [XEN io/console.h] */
export const createConsoleStream = (page: MappedPages, events: EventPorts, port: Port): RingStream =>
  overEvents(events, port, (notify) =>
    createRingStream({ page, send: CONSOLE_RING.out, receive: CONSOLE_RING.in, notify }),
  );

/** The guest's end of its xenstore page: sends requests, receives replies. [XEN io/xs_wire.h] */
export const createStoreStream = (page: MappedPages, events: EventPorts, port: Port): RingStream =>
  overEvents(events, port, (notify) =>
    createRingStream({ page, send: XENSTORE_RING.requests, receive: XENSTORE_RING.replies, notify }),
  );
