import fc from "fast-check";
import { expect, test } from "vitest";
import { decode } from "../../src/decoder/index.ts";
import { FormLookup } from "../../src/engine/form-lookup.ts";
import { endsBlock, instructionFormKey, isString, unitOf } from "../../src/engine/instruction-form.ts";
import { createHandlerTable } from "../../src/interpreter/handlers.ts";

const instructionBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

test.each([
  { code: 2, wide: false },
  { code: 4, wide: false },
  { code: 8, wide: true },
] as const)("finds what the spelled-out key finds, in $code-byte code", ({ code, wide }) => {
  const { numberOf } = createHandlerTable(wide);
  const lookup = new FormLookup(numberOf);
  fc.assert(
    fc.property(instructionBytes, (bytes) => {
      const instruction = decode(bytes, 0, bytes.length, code);
      const expected = {
        number: numberOf.get(instructionFormKey(instruction)),
        unit: unitOf(instruction),
        isString: isString(instruction),
        endsBlock: endsBlock(instruction),
      };
      expect(lookup.find(instruction)).toEqual(expected);
      expect(lookup.find(instruction)).toEqual(expected);
    }),
    { numRuns: 20_000 },
  );
});
