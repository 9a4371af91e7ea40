import { describe, expect, it } from "vitest";
import { wildWorlds } from "../../src/wild/command.ts";
import { runWild } from "../../src/wild/run.ts";

describe("random bytes as code", () => {
  it.each(wildWorlds)(
    "never throw, hang or write outside guest memory: $name",
    (world) => {
      const { runs, problems } = runWild(world, { seed: 77, bytes: 6000 });
      expect(problems).toEqual([]);
      expect(runs).toBe(375);
    },
    60_000,
  );
});
