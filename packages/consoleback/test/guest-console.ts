import type { OwnPages } from "@xenolith/domain-interface";
import type { FakeDomain, FakeHost } from "@xenolith/domain-interface/testing";
import { createRingStream, type RingStream } from "@xenolith/io-ring";
import { type GrantRef, type Port, toGrantRef, toPort } from "@xenolith/xen-abi";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";

/** A guest's end of a console, in a fake domain: what it says goes out when `settle` is called. */
export interface GuestConsole {
  readonly guest: FakeDomain;
  readonly page: OwnPages;
  readonly reference: GrantRef;
  readonly port: Port;
  readonly stream: RingStream;
  say(text: string): number;
  /** Takes all input that has come. */
  hear(): string;
}

/** Makes the guest's end and grants it to domain 0. */
export const createGuestConsole = (host: FakeHost, id: number): GuestConsole => {
  const guest = host.domain(id);
  const page = guest.grants.allocatePages(1);
  if (page === null) throw new Error("no page");
  const control = host.domain(0);
  const reference = toGrantRef(guest.grants.offer(page, 0, control.id, true));
  const port = toPort(guest.events.allocateUnbound(control.id));
  const stream = createRingStream({
    page,
    send: CONSOLE_RING.out,
    receive: CONSOLE_RING.in,
    notify: () => guest.events.notify(port),
  });
  return {
    guest,
    page,
    reference,
    port,
    stream,
    say: (text) => stream.write(new TextEncoder().encode(text)),
    hear: () => {
      const into = new Uint8Array(4096);
      return new TextDecoder().decode(into.subarray(0, stream.read(into)));
    },
  };
};
