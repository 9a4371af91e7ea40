import { describe, expect, it } from "vitest";
import { createHandlerTable } from "../../../src/interpreter/handlers.ts";
import { PART } from "../../../src/meanings/part.ts";
import { EffectTable } from "../../../src/translator/effects.ts";

/** V8 allocates registers less well beyond 16,384 values, which some 300 handlers have. */
const MOST_COMMON_HANDLERS = 330;

describe.each([false, true])("the parts of an interpreter, wide: %s", (wide) => {
  const table = createHandlerTable(wide);

  it("keep the common one small enough to be compiled well", () => {
    expect(table.parts[PART.common]?.length).toBeGreaterThan(150);
    expect(table.parts[PART.common]?.length).toBeLessThan(MOST_COMMON_HANDLERS);
  });

  it("call no support function in the common one", () => {
    const effects = new EffectTable({ wide });
    const common = table.parts[PART.common] ?? [];
    expect(common.filter((handler) => effects.effectsOf(handler).support.length > 0)).toEqual([]);
    expect(common.filter((handler) => effects.effectsOf(handler).isSystem)).toEqual([]);
  });

  it("keep vectors and x87 registers out of the common, the general and the rare one", () => {
    for (const part of [PART.common, PART.general, PART.rare]) {
      const kinds = table.parts[part]?.flatMap(({ form }) => form.operands.map(({ kind }) => kind)) ?? [];
      expect(kinds.filter((kind) => kind === "xmm" || kind === "mmx" || kind === "x87")).toEqual([]);
    }
  });

  it("number their handlers one after another, each in its part", () => {
    for (const [part, handlers] of table.parts.entries()) {
      for (const handler of handlers) {
        if (handler.definition.system === "monitored") continue;
        const number = table.numberOf.get(handler.form.key) ?? -1;
        expect(table.handler(number)).toBe(handler);
        expect(table.partOf(number)).toBe(part);
      }
    }
    expect(table.handler(table.special("rare"))).toBeUndefined();
    expect(table.partOf(table.special("repeat-guard"))).toBe(PART.common);
  });
});
