import { type BlockStore, SECTOR_BYTES } from "@xenolith/backend-interface";
import { createMemoryStore } from "@xenolith/block-stores";

/** Size of the reader's disk: 1 MiB. */
export const READER_DISK_SECTORS = 2048;

/** What the first sectors of the disk say, one line each. */
export const READER_DISK_LINES: readonly string[] = [
  "A xenolith is a piece of rock that another rock has enclosed.",
  "It keeps its own crystals, and with them its own history.",
  "Granite often carries pieces of what it rose through.",
  "Basalt brings up olivine from tens of kilometres below.",
  "What the enclosed rock is made of, the host rock does not ask.",
  "Each cools at its own pace.",
  "Break the host open, and the guest is still what it was.",
  "That is all this disk has to say; now from the beginning.",
];

/** Bytes of the reader's disk: in each sector a line, if there is one for it, and a pattern behind it. */
export const readerDiskContents = (): Uint8Array => {
  const contents = new Uint8Array(READER_DISK_SECTORS * SECTOR_BYTES);
  for (let sector = 0; sector < READER_DISK_SECTORS; sector++) {
    const at = sector * SECTOR_BYTES;
    for (let index = 0; index < SECTOR_BYTES; index++)
      contents[at + index] = (sector * 7 + index * 13) & 0xff;
    const line = READER_DISK_LINES[sector];
    if (line !== undefined) contents.set(new TextEncoder().encode(`${line}\n`), at);
  }
  return contents;
};

/** Makes the reader's disk. */
export const createReaderDisk = (): BlockStore =>
  createMemoryStore({ sectorCount: READER_DISK_SECTORS, contents: readerDiskContents(), readOnly: true });
