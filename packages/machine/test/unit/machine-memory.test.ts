import { HostError, toMfn } from "@xenolith/machine-interface";
import { MEMORY_LAWS } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createMachineMemory } from "../../src/index.ts";

const MIB = 1 << 20;

describe("createMachineMemory", () => {
  it.each(MEMORY_LAWS)("$name", ({ check }) =>
    check(createMachineMemory({ ramBytes: MIB, reserveBytes: MIB })),
  );

  it("gives all of the reserve and not a byte more than its page", () => {
    const memory = createMachineMemory({ ramBytes: MIB, reserveBytes: MIB });
    const area = memory.reserve(MIB);
    expect(area + MIB).toBeLessThanOrEqual(memory.bytes.length);
    expect(() => memory.reserve(65_536)).toThrow(HostError);
  });

  it("allocates almost 4 GiB", () => {
    const memory = createMachineMemory({ ramBytes: 3840 * MIB, reserveBytes: 128 * MIB });
    memory.bytes[memory.bytes.length - 1] = 1;
    expect(memory.frameCount).toBe(983_040);
  });

  it.each([
    [0, 0],
    [4095, 0],
    [-4096, 0],
    [Number.NaN, 0],
    [4096, -1],
    [4096 * MIB, 0],
    [4000 * MIB, 100 * MIB],
  ])("refuses %d bytes of RAM with a reserve of %d", (ramBytes, reserveBytes) => {
    expect(() => createMachineMemory({ ramBytes, reserveBytes })).toThrow(HostError);
  });

  it("ignores an announced store to a frame that does not exist", () => {
    const memory = createMachineMemory({ ramBytes: 4096, reserveBytes: 4096 });
    memory.onWrite(1, () => expect.unreachable());
    memory.bytes[memory.watchTableOffset + 1] = 0xff;
    memory.written(toMfn(1), 0, 1);
  });
});
