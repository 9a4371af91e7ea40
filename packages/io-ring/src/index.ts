export { type BackRing, createBackRing } from "./back-ring.ts";
export { type ByteRingLayout, byteRingUsed, readByteRing, writeByteRing } from "./byte-ring.ts";
export { createFrontRing, type FrontRing, type FrontRingOptions } from "./front-ring.ts";
export { RING_VIOLATION, type RingPage } from "./ring-page.ts";
export { createRingStream, type RingStream, type RingStreamOptions } from "./ring-stream.ts";
export { SLOT_NONE, SLOT_TAKEN, type SlotRingPlace, type SlotTake } from "./slot-ring.ts";
export { createTurns, type Participant, type TurnLimits, type Turns } from "./turns.ts";
