import { SECTOR_BYTES } from "@xenolith/backend-interface";
import { createMemoryStore } from "@xenolith/block-stores";

// A disk of 1 TiB: only what is written takes memory.
const disk = createMemoryStore({ sectorCount: 2 ** 31 });

const text = new TextEncoder().encode("hello, disk");
const from = new Uint8Array(SECTOR_BYTES);
from.set(text);
disk.submit({ kind: "write", sector512: 1_000_000, from }, (written) => {
  const into = new Uint8Array(2 * SECTOR_BYTES);
  disk.submit({ kind: "read", sector512: 999_999, into }, (read) => {
    const found = new TextDecoder().decode(into.subarray(SECTOR_BYTES, SECTOR_BYTES + text.length));
    console.log(`${written}, ${read}: "${found}"`);
  });
});
disk.submit({ kind: "read", sector512: 2 ** 31, into: new Uint8Array(SECTOR_BYTES) }, (status) =>
  console.log(`beyond the end: ${status}`),
);
