import { createBareMachine } from "@xenolith/bare-machine";

// mov edx, 0x3f8; print "OK\n"; mov al, 0; out 0xf4, al
const code = Uint8Array.of(
  ...[0xba, 0xf8, 0x03, 0, 0, 0xb0, 0x4f, 0xee, 0xb0, 0x4b, 0xee, 0xb0, 0x0a, 0xee, 0xb0, 0, 0xe6, 0xf4],
);

let output = "";
const machine = createBareMachine({
  memoryMib: 4,
  onSerialByte: (byte) => {
    output += String.fromCharCode(byte);
  },
});

// An image would come from a file: machine.boot(bytes, "command line"). Here the code is put into RAM by hand.
machine.memory.bytes.set(code, 0x1000);
machine.context.setControl(0, 1);
const flat = { base: 0, limit: 0xffff_ffff };
machine.context.setSegment(1, { ...flat, selector: 8, attributes: 0xc09b });
machine.context.instructionPointer = 0x1000;

const stop = machine.runToStop();
console.log(`${output.trim()}: ${stop.kind} after ${machine.retired} instructions`);
