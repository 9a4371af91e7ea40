/** Bytes of a sector as block interfaces count them, whatever the medium's own sectors are. */
export const SECTOR_BYTES = 512;

/** Outcome of a block request. `io-error`: the medium refused; nothing is promised about a failed write's range. */
export type BlockStatus = "ok" | "io-error" | "unsupported";

/** A request to a store. Buffers belong to the store until `done` is called. */
export type BlockRequest =
  | { readonly kind: "read"; readonly sector512: number; readonly into: Uint8Array }
  | { readonly kind: "write"; readonly sector512: number; readonly from: Uint8Array }
  | { readonly kind: "flush" }
  | { readonly kind: "discard"; readonly sector512: number; readonly sectorCount: number };

/**
 * A disk's bytes, wherever they are kept. Requests may complete in any order, except that a flush completes only after
 * every write that completed before it was submitted is durable.
 */
export interface BlockStore {
  /** Size in sectors of 512 bytes. */
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** Whether `discard` frees space. */
  readonly canDiscard: boolean;
  /**
   * Starts a request. `done` is called exactly once, perhaps before `submit` returns. Buffer lengths are multiples of 512.
   * A range beyond the end or a write to a read-only store completes with `io-error`.
   */
  submit(request: BlockRequest, done: (status: BlockStatus) => void): void;
  /** Completes what is under way, makes it durable and lets go of the medium. */
  close(): Promise<void>;
}
