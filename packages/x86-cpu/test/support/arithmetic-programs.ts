import fc from "fast-check";

/** Bytes of 32-bit instructions that stay within registers, the stack and two pages at 0x8000. */
const instruction: fc.Arbitrary<readonly number[]> = fc.oneof(
  // op r32, r32
  fc
    .tuple(fc.constantFrom(0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85), fc.nat(2), fc.nat(2))
    .map(([opcode, a, b]) => [opcode, 0xc0 | (a << 3) | b]),
  // op r32, imm8
  fc
    .tuple(fc.nat(7), fc.nat(2), fc.nat(255))
    .map(([op, register, value]) => [0x83, 0xc0 | (op << 3) | register, value]),
  // shift r32, imm8
  fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 7), fc.nat(2), fc.nat(40))
    .map(([op, register, count]) => [0xc1, 0xc0 | (op << 3) | register, count]),
  // mov r32, [disp32] and back, also across a page
  fc
    .tuple(fc.constantFrom(0x8b, 0x89, 0x03, 0x01, 0x87), fc.nat(2), fc.integer({ min: 0x8000, max: 0x9ff0 }))
    .map(([opcode, register, at]) => [opcode, 0x05 | (register << 3), at & 0xff, at >> 8, 0, 0]),
  // push r32; pop r32
  fc.tuple(fc.nat(2), fc.nat(2)).map(([a, b]) => [0x50 | a, 0x58 | b]),
  // setcc, cmovcc, imul
  fc.tuple(fc.nat(15), fc.nat(2)).map(([condition, register]) => [0x0f, 0x90 | condition, 0xc0 | register]),
  fc
    .tuple(fc.nat(15), fc.nat(2), fc.nat(2))
    .map(([condition, a, b]) => [0x0f, 0x40 | condition, 0xc0 | (a << 3) | b]),
  fc.tuple(fc.nat(2), fc.nat(2)).map(([a, b]) => [0x0f, 0xaf, 0xc0 | (a << 3) | b]),
);

/** A loop of such instructions, then HLT: `mov ecx, n; l: …; dec ebx; jnz l; hlt` with EBX as the counter. */
export const loopProgram: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.array(instruction, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 6 }))
  .map(([body, count]) => {
    const inner = body.flat();
    const back = -(inner.length + 7);
    const word = [back & 0xff, (back >> 8) & 0xff, (back >> 16) & 0xff, (back >> 24) & 0xff];
    return Uint8Array.from([0xbb, count, 0, 0, 0, ...inner, 0x4b, 0x0f, 0x85, ...word, 0xf4]);
  });
