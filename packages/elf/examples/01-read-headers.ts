import { parseElf } from "@xenolith/elf";

// The smallest ELF header there is: 32-bit, little-endian, for an i386, without segments.
const file = new Uint8Array(52);
file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
file.set([2, 0, 3, 0, 1, 0, 0, 0, 0x10, 0, 0, 0xc0], 16);

const image = parseElf(file);
if (image.kind === "problem") throw new Error(image.message);
console.log(`${image.wordBits}-bit, machine ${image.machine}, entry 0x${image.entry.toString(16)}`);
