import { createFlatMachine } from "@xenolith/bare-machine";

// Sum of the squares up to n, as a compiler for x86-64 might make it:
//   xor eax, eax ; test rdi, rdi ; je e ; l: mov rdx, rdi ; imul rdx, rdi ; add rax, rdx ; dec rdi ; jne l ; e: ret
const squares = Uint8Array.of(
  ...[0x31, 0xc0, 0x48, 0x85, 0xff, 0x74, 0x0f, 0x48, 0x89, 0xfa, 0x48, 0x0f, 0xaf, 0xd7],
  ...[0x48, 0x01, 0xd0, 0x48, 0xff, 0xcf, 0x75, 0xf1, 0xc3],
);

const machine = createFlatMachine({ mode: "long-flat" });
machine.write(0x1000, squares);

const stop = machine.call(0x1000, [1000]);
if (stop.kind === "returned") console.log(`1² + 2² + … + 1000² = ${stop.value}`);

// What goes wrong is a value too. div by zero: xor ecx, ecx ; div ecx
machine.write(0x2000, Uint8Array.of(0x31, 0xc9, 0xf7, 0xf1));
const failed = machine.call(0x2000);
if (failed.kind === "exception") {
  console.log(`exception ${failed.vector} at 0x${machine.context.instructionPointer.toString(16)}`);
}

// The same with 32-bit code, arguments on the stack: mov eax, [esp+4] ; add eax, [esp+8] ; ret
const narrow = createFlatMachine({ mode: "protected-flat" });
narrow.write(0x1000, Uint8Array.of(0x8b, 0x44, 0x24, 0x04, 0x03, 0x44, 0x24, 0x08, 0xc3));
console.log(narrow.call(0x1000, [40, 2]));
