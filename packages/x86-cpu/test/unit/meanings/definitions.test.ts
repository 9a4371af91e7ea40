import { expect, test } from "vitest";
import { formsOf } from "../../../src/meanings/definition.ts";
import { DEFINITIONS } from "../../../src/meanings/index.ts";

test.each([false, true])("each form is said once, in 64-bit code: %s", (wide) => {
  const keys = DEFINITIONS.flatMap((definition) => formsOf(definition, wide)).map(({ key }) => key);
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
});
