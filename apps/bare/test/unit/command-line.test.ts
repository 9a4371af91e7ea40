import { I686_MODEL, X86_64_V2_MODEL } from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";
import { readCommandLine, UsageError } from "../../src/command-line.ts";

describe("the command line", () => {
  it("has defaults", () => {
    expect(readCommandLine(["k.elf"])).toEqual({
      image: "k.elf",
      commandLine: "",
      memoryMib: 128,
      engine: "auto",
      model: X86_64_V2_MODEL,
    });
  });

  it("takes all options", () => {
    const args = [
      "--cmdline",
      "a b",
      "--memory",
      "64",
      "--engine",
      "interpreter",
      "--model",
      "i686",
      "k.elf",
    ];
    expect(readCommandLine(args)).toEqual({
      image: "k.elf",
      commandLine: "a b",
      memoryMib: 64,
      engine: "interpreter",
      model: I686_MODEL,
    });
  });

  it.each([
    [[], /usage/],
    [["a", "b"], /b: one image/],
    [["a", "--memory", "0"], /--memory 0/],
    [["a", "--memory", "1e3"], /--memory 1e3/],
    [["a", "--memory", "99999"], /--memory 99999/],
    [["a", "--engine", "warp"], /--engine warp/],
    [["a", "--model", "8088"], /--model 8088.*i686/],
    [["a", "--speed"], /--speed/],
  ] as const)("%j is one line of complaint", (args, message) => {
    expect(() => readCommandLine(args)).toThrow(UsageError);
    expect(() => readCommandLine(args)).toThrow(message);
    expect(() => readCommandLine(args)).not.toThrow(/\n/);
  });
});
