import { createRingStream, type RingPage } from "@xenolith/io-ring";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";

const memory = new DataView(new ArrayBuffer(4096));
const bytes = new Uint8Array(memory.buffer);
const page: RingPage = {
  copyIn: (at, from) => bytes.set(from, at),
  copyOut: (at, into) => into.set(bytes.subarray(at, at + into.length)),
  readUint32: (at) => memory.getUint32(at, true),
  writeUint32: (at, value) => memory.setUint32(at, value, true),
};

// A console page has a ring of bytes in each direction. What one end sends the other receives.
const { in: toGuest, out: fromGuest } = CONSOLE_RING;
const guest = createRingStream({ page, send: fromGuest, receive: toGuest, notify: () => daemon.activity() });
const daemon = createRingStream({ page, send: toGuest, receive: fromGuest, notify: () => {} });

daemon.onActivity(() => {
  const into = new Uint8Array(64);
  console.log(`console: ${new TextDecoder().decode(into.subarray(0, daemon.read(into)))}`);
});
guest.write(new TextEncoder().encode("booting"));

// An index that cannot be ends the stream; it never throws.
page.writeUint32(fromGuest.producerOffset, 0xdead_beef);
daemon.read(new Uint8Array(64));
console.log(`violated: ${daemon.violated}`);
