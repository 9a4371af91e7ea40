import { expect, test } from "vitest";
import { decode } from "../../../src/decoder/index.ts";
import { RecentInstructions } from "../../../src/engine/recent-instructions.ts";

const PAGE = 5;
/** MOV EAX, imm32: 5 bytes. */
const instruction = decode(Uint8Array.of(0xb8, 1, 2, 3, 4), 0, 5, 4);

test("an instruction is that of its page, offset and size of code", () => {
  const recent = new RecentInstructions();
  recent.set(PAGE, 0xff0, 4, instruction);
  expect(recent.get(PAGE, 0xff0, 4)).toBe(instruction);
  expect(recent.get(PAGE, 0xff0, 8)).toBeNull();
  expect(recent.get(PAGE, 0xff1, 4)).toBeNull();
  expect(recent.get(PAGE + 2, 0xff0, 4)).toBeNull();
});

test.each([
  { what: "its first byte", offset: 0x100, lengthBytes: 1, isKnown: false },
  { what: "its last byte", offset: 0x104, lengthBytes: 1, isKnown: false },
  { what: "the last that it could have", offset: 0x10e, lengthBytes: 1, isKnown: false },
  { what: "all of the page", offset: 0, lengthBytes: 4096, isKnown: false },
  { what: "the byte before it", offset: 0xff, lengthBytes: 1, isKnown: true },
  { what: "bytes far behind it", offset: 0x10f, lengthBytes: 4096, isKnown: true },
])("when $what changes, known: $isKnown", ({ offset, lengthBytes, isKnown }) => {
  const recent = new RecentInstructions();
  recent.set(PAGE, 0x100, 4, instruction);
  recent.forget(PAGE, offset, lengthBytes);
  expect(recent.get(PAGE, 0x100, 4)).toBe(isKnown ? instruction : null);
});
