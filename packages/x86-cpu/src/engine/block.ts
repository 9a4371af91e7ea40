/** A run of instructions as records, with one entry. */
export interface Block {
  /** Frame that holds its first byte. */
  readonly frame: number;
  /** Frame that holds the end of an instruction that straddles pages, or -1. */
  readonly secondFrame: number;
  /** Number of its mode. */
  readonly mode: number;
  /** Whether it is 64-bit code. */
  readonly isWide: boolean;
  /** Offset in CS of the first instruction. */
  readonly instructionPointer: number;
  /** Bytes of the first frame that were decoded: from `start`, up to but not including `end`. */
  readonly start: number;
  readonly end: number;
  /** Bytes of the second frame that were decoded, from its first. */
  readonly secondBytes: number;
  /** Offset in memory of its records, and how many there are. */
  readonly record: number;
  readonly recordCount: number;
  /** Cleared when its bytes have changed: nothing leads there any more. */
  isAlive: boolean;
  /** Offsets of the link fields elsewhere that lead here. */
  readonly incoming: number[];
}

/** Whether a block was decoded from any of `lengthBytes` bytes of a frame. */
export const overlaps = (block: Block, frame: number, offset: number, lengthBytes: number): boolean => {
  if (block.frame === frame && offset < block.end && offset + lengthBytes > block.start) return true;
  return block.secondFrame === frame && offset < block.secondBytes;
};
