import { createBareMachine } from "@xenolith/bare-machine";

// A kernel of a few instructions, as an ELF file would hold it: at 1 MiB, behind a multiboot header.
//   mov edx, 0x3f8 ; print "up\n" ; mov al, 7 ; out 0xf4, al
const code = [
  ...[0xba, 0xf8, 0x03, 0, 0, 0xb0, 0x75, 0xee, 0xb0, 0x70, 0xee],
  ...[0xb0, 0x0a, 0xee, 0xb0, 7, 0xe6, 0xf4],
];

/** A 32-bit ELF file with one segment; an image from a compiler would be read from disk. */
const makeImage = (): Uint8Array => {
  const file = new Uint8Array(0x200 + code.length);
  const view = new DataView(file.buffer);
  const put = (at: number, ...words: readonly number[]): void => {
    words.forEach((word, index) => {
      view.setUint32(at + 4 * index, word, true);
    });
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  put(16, 0x3_0002, 1, 0x10_0000, 52);
  put(40, 0x20_0034, 1);
  put(52, 1, 0x200, 0x10_0000, 0x10_0000, code.length, code.length, 7, 0x1000);
  put(0x100, 0x1bad_b002, 0, -0x1bad_b002);
  file.set(code, 0x200);
  return file;
};

let output = "";
const machine = createBareMachine({
  memoryMib: 4,
  onSerialByte: (byte) => {
    output += String.fromCharCode(byte);
  },
});
const problem = machine.boot(makeImage(), "a command line");
if (problem !== null) throw new Error(problem.message);

const stop = machine.runToStop();
console.log(`${output.trim()}: ${stop.kind} after ${machine.retired} instructions`);
