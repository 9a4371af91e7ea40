// examples/01-image.ts
import { pebbleImage } from "@xenolith/pebble";

// The kernel as the domain builder takes it; no file system is needed.
const elf = pebbleImage();
const header = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
console.log(`${elf.length} bytes, starts at 0x${header.getUint32(24, true).toString(16)}`);
