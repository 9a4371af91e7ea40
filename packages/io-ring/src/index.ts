export {
  type ByteRingLayout,
  byteRingUsed,
  RING_VIOLATION,
  type RingPage,
  readByteRing,
  writeByteRing,
} from "./byte-ring.ts";
export { createRingStream, type RingStream, type RingStreamOptions } from "./ring-stream.ts";
