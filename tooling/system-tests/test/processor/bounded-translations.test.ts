import { createFlatMachine } from "@xenolith/bare-machine";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";

const PAGE = 4096;
const MAIN = 0x8_0000;
const FIRST = 0x10_0000;
const PAGES = 64;
const END = FIRST + PAGES * PAGE;
const ROUNDS = 6;
const TURNS = 20;

const word = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** mov ecx, TURNS; l: add eax, summand; dec ecx; jnz l; ret */
const functionOf = (summand: number): readonly number[] =>
  [0xb9, ...word(TURNS), 0x05, ...word(summand), 0x49, 0x75, 0xf8, 0xc3].flat();

/** mov ebx, ROUNDS; r: mov edi, FIRST; p: call edi; add edi, PAGE; cmp edi, END; jb p; dec ebx; jnz r; ret */
const CALL_ALL = [
  ...[0xbb, ...word(ROUNDS), 0xbf, ...word(FIRST), 0xff, 0xd7, 0x81, 0xc7, ...word(PAGE)],
  ...[0x81, 0xff, ...word(END), 0x72, 0xf0, 0x4b, 0x75, 0xe8, 0xc3],
];

describe("translations that exceed their memory", () => {
  // Some six modules fit, and each round makes 64. All in one run, as a machine forgets its code between two calls from outside.
  it.each([0, 2, 3, 30])(
    "are forgotten and made anew, and code goes on as it was: after %i times",
    (after) => {
      const machine = createFlatMachine({
        mode: "protected-flat",
        memoryMib: 4,
        translateAfter: after,
        translationBytes: 200_000,
      });
      machine.write(MAIN, Uint8Array.from(CALL_ALL));
      for (let page = 0; page < PAGES; page++)
        machine.write(FIRST + page * PAGE, Uint8Array.from(functionOf(page)));
      machine.context.setRegister(REGISTER.rax, 0);
      expect(machine.call(MAIN)).toMatchObject({ kind: "returned" });
      expect(machine.context.register(REGISTER.rax)).toBe((ROUNDS * TURNS * PAGES * (PAGES - 1)) / 2);
    },
  );
});
