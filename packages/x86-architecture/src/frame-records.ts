/**
 * What a monitor keeps of each frame of RAM where the processor reads it too, see `TransitionGates.frameRecords`: arrays by
 * frame number, one behind the other. Each begins at so many bytes times the number of frames. `references` and `uses` are u32,
 * `owner` u16, `type` and `flags` u8.
 */
export const FRAME_RECORDS = {
  /** References to a frame; at 0 it is free. */
  references: 0,
  /** Those of them that are uses as its type. */
  uses: 4,
  owner: 8,
  type: 10,
  flags: 11,
  bytesPerFrame: 12,
} as const;

/** Values of `type` that the processor knows: tables by their level, from the lowest on, and a page that may be written. */
export const FRAME_RECORD_TYPE = { level1: 1, level2: 2, level3: 3, level4: 4, writable: 7 } as const;

/**
 * Bits of `flags` that the processor knows: its owner has not given it back, which is a reference of its own; the contents fit the
 * type; it is kept a table, which is a reference and a use; it is a table that may not stand everywhere.
 */
export const FRAME_RECORD_FLAG = { allocated: 1, validated: 2, pinned: 4, bound: 0x20 } as const;

/** Available bit 52 of an entry, as a bit of its high word: the page belongs to the kernel's side of a 64-bit guest. */
export const KERNEL_PAGE_HIGH = 0x10_0000;
