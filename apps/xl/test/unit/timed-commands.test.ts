import { describe, expect, it } from "vitest";
import { parseRunOptions } from "../../src/run/options.ts";
import { parseTimedCommand } from "../../src/run/timed-commands.ts";
import { UsageError } from "../../src/usage-error.ts";

describe("a command at a time", () => {
  it.each([
    ["3 shutdown", 3_000_000_000, { kind: "shutdown" }],
    ["0.25 reboot", 250_000_000, { kind: "reboot" }],
    [" 12  mem-set 160", 12_000_000_000, { kind: "mem-set", memoryMiB: 160 }],
    ["1 mem-set 160m", 1_000_000_000, { kind: "mem-set", memoryMiB: 160 }],
    ["1 mem-set 2G", 1_000_000_000, { kind: "mem-set", memoryMiB: 2048 }],
    ["5 sysrq c", 5_000_000_000, { kind: "sysrq", key: "c" }],
  ])("is read: %s", (text, atNs, command) => {
    expect(parseTimedCommand(text)).toMatchObject({ atNs, command });
  });

  it.each([
    "",
    "shutdown",
    "3",
    "3 explode",
    "3 shutdown now",
    "-3 shutdown",
    "1e3 shutdown",
    "3 mem-set",
    "3 mem-set 5k",
    "3 sysrq a b",
  ])("is refused in one line: '%s'", (text) => {
    expect(() => parseTimedCommand(text)).toThrow(UsageError);
    expect(() => parseTimedCommand(text)).toThrow(/^--at [^\n]+$/);
  });

  it("takes its turn by its time, whatever the order on the command line", () => {
    const { commands } = parseRunOptions(["kernel", "--at", "9 resume", "--at", "2 suspend"]);
    expect(commands.map(({ command }) => command.kind)).toEqual(["suspend", "resume"]);
  });
});

describe("memory", () => {
  it("is all a domain may have, unless more is said, and less cannot be", () => {
    expect(parseRunOptions(["kernel", "--memory", "64"]).maximumMemoryMiB).toBe(64);
    expect(parseRunOptions(["kernel", "--memory", "64", "--maxmem", "96"]).maximumMemoryMiB).toBe(96);
    expect(() => parseRunOptions(["kernel", "--memory", "64", "--maxmem", "32"])).toThrow(/--maxmem 32/);
  });
});
