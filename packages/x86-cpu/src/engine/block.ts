/** Where a translation is entered: its function in the table, and the number of the entry. */
export interface EntryPoint {
  readonly slot: number;
  readonly entry: number;
}

/** So many links are worth a look at which of them are still needed. */
const MANY_LINKS = 16;

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;

/** What is known of the code of a frame at one offset in CS in one mode. */
export class CodeSpot {
  readonly mode: number;
  readonly instructionPointer: number;
  /** Another spot of the frame, where one looks next. */
  readonly next: CodeSpot | null;
  /** The block that begins here, if it is decoded. */
  block: Block | null = null;
  /** The translation that may be entered here. */
  entry: EntryPoint | null = null;
  /** Whether a jump leads back here. */
  isLoop = false;
  /** Offsets of the link fields that lead to the block, or would if there were one. */
  links: number[] | null = null;

  constructor(mode: number, instructionPointer: number, next: CodeSpot | null) {
    this.mode = mode;
    this.instructionPointer = instructionPointer;
    this.next = next;
  }

  /**
   * Notes a link field that is to lead here. Whenever there are twice as many, those go that lie in records of blocks that are gone, as
   * `isGone` says: where code changes again and again there are ever more of them.
   */
  addLink(field: number, isGone: (field: number) => boolean): void {
    const { links } = this;
    if (links === null) this.links = [field];
    else if (links.push(field) >= MANY_LINKS && isPowerOfTwo(links.length))
      this.links = links.filter((one) => !isGone(one));
  }
}

/** A run of instructions as records, with one entry. */
export interface Block {
  /** Where it begins. */
  readonly spot: CodeSpot;
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
  /** How often it was to be interpreted before it is hot, when it last began to count down. */
  patience: number;
  /** The last so many of these are when it is warm: its counter begins anew with them, and this becomes 0. */
  leftWhenWarm: number;
  /** Cleared when its bytes have changed: nothing leads there any more. */
  isAlive: boolean;
}

/** Whether a block was decoded from any of `lengthBytes` bytes of a frame. */
export const overlaps = (block: Block, frame: number, offset: number, lengthBytes: number): boolean => {
  if (block.frame === frame && offset < block.end && offset + lengthBytes > block.start) return true;
  return block.secondFrame === frame && offset < block.secondBytes;
};
