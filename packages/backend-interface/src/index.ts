export { type BlockRequest, type BlockStatus, type BlockStore, SECTOR_BYTES } from "./block-store.ts";
export { type ByteStream, createStreamPair } from "./byte-stream.ts";
export type { NetworkPort } from "./network-port.ts";
