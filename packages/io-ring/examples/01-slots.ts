import { createBackRing, createFrontRing, type RingPage, SLOT_TAKEN } from "@xenolith/io-ring";

// The shared page: in a domain a granted page, here plain memory.
const memory = new DataView(new ArrayBuffer(4096));
const bytes = new Uint8Array(memory.buffer);
const page: RingPage = {
  copyIn: (at, from) => bytes.set(from, at),
  copyOut: (at, into) => into.set(bytes.subarray(at, at + into.length)),
  readUint32: (at) => memory.getUint32(at, true),
  writeUint32: (at, value) => memory.setUint32(at, value, true),
};
const place = { page, ringBytes: 4096, slotBytes: 112 };
const front = createFrontRing(place);
const back = createBackRing(place);
const slot = new Uint8Array(112);

// The ring only says whether the other end wants an event; sending it is up to its owner.
for (const request of [20, 21, 22]) front.putRequest(slot.fill(request));
console.log(`${front.slotCount} slots; notify the back: ${front.pushRequests()}`);

// The back takes requests until there are none, and looks once more before it would sleep.
do {
  while (back.takeRequest(slot) === SLOT_TAKEN) back.putResponse(slot.fill((slot[0] ?? 0) * 2));
} while (back.finalCheck());
console.log(`notify the front: ${back.pushResponses()}`);

while (front.takeResponse(slot) === SLOT_TAKEN) console.log(`response ${slot[0]}`);
