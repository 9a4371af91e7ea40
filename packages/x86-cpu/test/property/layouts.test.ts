import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, type Instruction, type Operand } from "../../src/decoder/index.ts";
import { STOP_INSTRUCTION } from "../../src/engine/run-observer.ts";
import { availableInstruction } from "../../src/model/available-instruction.ts";

const INSTRUCTION =
  "mnemonic,lengthBytes,operandBytes,addressBytes,operands,feature,lock,repeat,segment".split(",");
const REGISTER = ["kind", "register", "high", "sizeBytes"];
const OPERAND: Readonly<Record<Operand["kind"], readonly string[]>> = {
  register: REGISTER,
  segment: REGISTER,
  control: REGISTER,
  debug: REGISTER,
  x87: REGISTER,
  mmx: REGISTER,
  xmm: REGISTER,
  memory: "kind,segment,base,index,scale,displacement,isRipRelative,sizeBytes".split(","),
  immediate: ["kind", "value", "high", "sizeBytes"],
  relative: ["kind", "distance"],
  far: ["kind", "selector", "offset"],
};

const expectLaidOut = (instruction: Instruction): void => {
  expect(Object.keys(instruction)).toEqual(INSTRUCTION);
  for (const operand of instruction.operands) expect(Object.keys(operand)).toEqual(OPERAND[operand.kind]);
};

test.each([2, 4, 8] as const)("instructions and operands are laid out alike, in %i-byte code", (code) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const instruction = decode(bytes, 0, bytes.length, code);
      expectLaidOut(instruction);
      expectLaidOut(availableInstruction(instruction, new Set()));
    }),
    { numRuns: 20_000 },
  );
  expectLaidOut(STOP_INSTRUCTION);
});
