import { describe, expect, it } from "vitest";
import { parseDemoOptions } from "../../src/options.ts";
import { UsageError } from "../../src/usage-error.ts";

describe("the options of the demo", () => {
  it("are a view without an end, and seed 1, where nothing is said", () => {
    expect(parseDemoOptions([])).toEqual({ headless: false, seconds: null, seed: 1 });
  });

  it("take seconds with up to three decimals, and any seed of 32 bits", () => {
    expect(parseDemoOptions(["--headless", "--seconds", "0.25", "--seed=4294967295"])).toEqual({
      headless: true,
      seconds: 0.25,
      seed: 0xffff_ffff,
    });
  });

  it.each([
    [["--seconds", "0"], "--seconds 0"],
    [["--seconds", "0.0001"], "--seconds 0.0001"],
    [["--seconds", "86401"], "--seconds 86401"],
    [["--seconds", "soon"], "--seconds soon"],
    [["--seconds"], "--seconds"],
    [["--seconds", "-1"], "--seconds"],
    [["--seed", "4294967296"], "--seed 4294967296"],
    [["--seed", "1.5"], "--seed 1.5"],
    [["--heedless"], "--heedless"],
    [["now"], "now"],
  ])("refuse %j in one line that names it", (args, named) => {
    const parse = () => parseDemoOptions(args);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(named);
    expect(parse).not.toThrow("\n");
  });
});
