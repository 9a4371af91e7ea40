import { createFlatMachine } from "@xenolith/bare-machine";
import { REGISTER } from "@xenolith/x86-architecture";

// mov ecx, 3 ; l: mov [0x8000], ecx ; call f ; loop l ; hlt ; f: add ebx, ecx ; ret
const code = Uint8Array.of(
  ...[0xb9, 3, 0, 0, 0, 0x89, 0x0c, 0x25, 0x00, 0x80, 0, 0, 0xe8, 3, 0, 0, 0],
  ...[0xe2, 0xf2, 0xf4, 0x01, 0xcb, 0xc3],
);

const machine = createFlatMachine({ mode: "long-flat" });
const { processor, context } = machine;
machine.write(0x1000, code);
context.instructionPointer = 0x1000;

// Stop whenever the function is entered, and when the last value is written.
const entered = processor.addBreakpoint(0x1014);
for (let times = 0; times < 2; times++) {
  machine.run();
  console.log(`f(${context.register(REGISTER.rcx)}), ${processor.stopReason?.kind}`);
}
entered.remove();
processor.addWatchpoint({ start: 0x8000, end: 0x8004 }, "write");
machine.run();
if (processor.stopReason?.kind === "watchpoint") {
  const { value, instructionPointer } = processor.stopReason.access;
  console.log(`${value} was written by the instruction at 0x${instructionPointer.toString(16)}`);
}

// A device of one register at 0x9000: whoever reads it gets the time.
processor.onRead({ start: 0x9000, end: 0x9004 }, ({ machineAddress }) => {
  machine.memory.view.setUint32(machineAddress, 1234, true);
});
machine.write(0x2000, Uint8Array.of(0x8b, 0x04, 0x25, 0x00, 0x90, 0, 0, 0xc3));
console.log(machine.call(0x2000));
