import { createFlatMachine } from "@xenolith/bare-machine";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";

const PAGE = 4096;
const FIRST = 0x10_0000;

describe("translations that exceed their memory", () => {
  it("are forgotten and made anew, and code goes on as it was", () => {
    const machine = createFlatMachine({
      mode: "protected-flat",
      memoryMib: 4,
      translateAfter: 2,
      translationBytes: 200_000,
    });
    // mov ecx, 20; l: add eax, summand; dec ecx; jnz l; ret
    const functionOf = (summand: number): Uint8Array =>
      Uint8Array.from([0xb9, 20, 0, 0, 0, 0x05, summand & 0xff, summand >> 8, 0, 0, 0x49, 0x75, 0xf8, 0xc3]);
    // Some thirty modules fit; each round makes sixty-four, and the second finds none of the first.
    for (const round of [1, 2, 3]) {
      for (let page = 0; page < 64; page++) {
        const summand = 64 * round + page;
        machine.write(FIRST + page * PAGE, functionOf(summand));
        machine.context.setRegister(REGISTER.rax, 0);
        machine.call(FIRST + page * PAGE);
        expect(machine.context.register(REGISTER.rax)).toBe(20 * summand);
      }
    }
    for (let page = 0; page < 64; page++) {
      machine.context.setRegister(REGISTER.rax, 0);
      machine.call(FIRST + page * PAGE);
      expect(machine.context.register(REGISTER.rax)).toBe(20 * (64 * 3 + page));
    }
  });
});
