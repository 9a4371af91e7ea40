import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { createArena } from "../../src/arena.ts";
import { compareRegister } from "../../src/compare.ts";
import { findVectorFiles, runVectorFile } from "../../src/run-files.ts";
import { VectorRunner } from "../../src/run-vector.ts";
import { type Latitude, readVectorFile, type Vector, VectorFileError } from "../../src/vector-file.ts";

const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));
const files = findVectorFiles(fixtures, null);
const scratch = mkdtempSync(join(tmpdir(), "vectors-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("the processor agrees with silicon", () => {
  it("in integer and system instructions of both instruction sets", () => {
    const names = [...files.keys()].join(" ");
    expect(names).toMatch(/i386\/bcd .*i386\/int .*i386\/ud/);
    expect(names).toMatch(/amd64\/bit .*amd64\/int .*amd64\/ud/);
  });

  it.each([...files])("group %s", (_group, path) => {
    const { passed, failed, skipped, firstFailures } = runVectorFile(path, "auto");
    const shown = firstFailures.map(({ vector, differences }) => `${vector.form}: ${differences.join("; ")}`);
    expect(shown).toEqual([]);
    expect(failed).toBe(0);
    expect(passed + [...skipped.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(15);
  });
});

/** Nothing undefined, nothing approximate. */
const exact: Latitude = {
  flags: 0n,
  status: 0n,
  tags: false,
  registers: [],
  memory: [],
  tolerance: null,
};

describe("the comparison sees", () => {
  const file = readVectorFile(files.get("i386/stack") ?? "");
  const arena = createArena(file, "auto");
  const runner = new VectorRunner(file, arena);
  const push = file.vectors.find(({ form }) => form === "push.50.32");

  const differences = (change: Partial<Vector>): string[] => {
    if (push === undefined) throw new Error("the sample has no push.50.32");
    return runner.run({ ...push, ...change });
  };

  it("nothing where all is as recorded", () => {
    expect(differences({})).toEqual([]);
  });

  it("another register", () => {
    const esp = push?.after["esp"] ?? 0n;
    expect(differences({ after: { ...push?.after, esp: esp + 1n } })[0]).toMatch(/^esp: want/);
  });

  it("a vector register and a word of status that an integer instruction has no business with", () => {
    expect(differences({ after: { ...push?.after, x3: 5n } })[0]).toMatch(/^x3: want 5/);
    const status = (file.defaults["fsw"] ?? 0n) ^ 0x4000n;
    expect(differences({ after: { ...push?.after, fsw: status } })[0]).toMatch(/^fsw: want/);
    expect(
      differences({ after: { ...push?.after, fsw: status }, latitude: { ...exact, status: 0x4000n } }),
    ).toEqual([]);
  });

  it("another flag, unless it is undefined", () => {
    const flags = (push?.before["fl"] ?? 0n) ^ 1n;
    expect(differences({ after: { ...push?.after, fl: flags } })).toEqual(["flags differ in 1"]);
    expect(differences({ after: { ...push?.after, fl: flags }, latitude: { ...exact, flags: 1n } })).toEqual(
      [],
    );
  });

  it("another byte of memory, unless it is undefined", () => {
    const [patch] = push?.memoryAfter ?? [];
    if (patch === undefined) throw new Error("a push stores something");
    const bytes = patch.bytes.map((byte) => byte ^ 1);
    expect(differences({ memoryAfter: [{ ...patch, bytes }] })[0]).toMatch(/^stack at/);
    const latitude = { ...exact, memory: [[patch.address, bytes.length]] as const };
    expect(differences({ memoryAfter: [{ ...patch, bytes }], latitude })).toEqual([]);
  });

  it("a fault that is missing, and its error code and address", () => {
    const fault = { vector: 14, errorCode: 6, address: 0x1000 };
    expect(differences({ fault })[0]).toBe("fault: want 14 got none");
    const pageFaults = readVectorFile(files.get("i386/pf") ?? "");
    const pfRunner = new VectorRunner(pageFaults, createArena(pageFaults, "auto"));
    const vector = pageFaults.vectors.find(
      (one) => one.fault?.vector === 14 && one.fault.address !== undefined,
    );
    if (vector?.fault == null) throw new Error("the sample has no page fault");
    const { errorCode = 0, address = 0 } = vector.fault;
    const wrong = { vector: 14, errorCode: errorCode ^ 2, address: address + 1 };
    expect(pfRunner.run({ ...vector, fault: wrong }).length).toBe(2);
  });
});

describe("what may deviate", () => {
  const transcendental: Latitude = { ...exact, tolerance: "x87" };
  const one = 0x3fff_8000_0000_0000_0000n;

  it("is 4 units in the last place of a transcendental function, also across a power of two", () => {
    expect(compareRegister("R1", one, one + 4n, transcendental)).toBeNull();
    expect(compareRegister("R1", one, one + 5n, transcendental)).toMatch(/^R1/);
    expect(compareRegister("R1", one, one + 1n, exact)).toMatch(/^R1/);
  });

  it("is PE and C1 of its status", () => {
    expect(compareRegister("fsw", 0n, 0x220n, transcendental)).toBeNull();
    expect(compareRegister("fsw", 0n, 0x200n, exact)).toMatch(/^fsw/);
    expect(compareRegister("fsw", 0n, 1n, transcendental)).toMatch(/^fsw/);
  });

  it("is 3 * 2^-12 of an approximation, in every lane", () => {
    const approximate: Latitude = { ...exact, tolerance: "rcp12" };
    const lanes = (bits: number): bigint => (BigInt(bits) << 96n) | 0x3f80_0000n;
    expect(compareRegister("x2", lanes(0x3f80_0000), lanes(0x3f80_1000), approximate)).toBeNull();
    expect(compareRegister("x2", lanes(0x3f80_0000), lanes(0x3f81_0000), approximate)).toMatch(/^x2/);
  });
});

describe("bad input is named", () => {
  const put = (name: string, text: string): string => {
    const path = join(scratch, name);
    writeFileSync(path, text);
    return path;
  };

  it.each([
    ["a file that is not there", () => readVectorFile(join(scratch, "none.jsonl")), /none\.jsonl/],
    ["a file that is no gzip", () => readVectorFile(put("bad.jsonl.gz", "text")), /bad\.jsonl\.gz/],
    ["another schema", () => readVectorFile(put("other.jsonl", '{"schema":"x"}')), /line 1/],
    [
      "another instruction set",
      () => readVectorFile(put("wide.jsonl", '{"schema":"xvec-1","isa":"z80"}')),
      /z80/,
    ],
    [
      "a line that is no JSON",
      () =>
        readVectorFile(
          put(
            "torn.jsonl",
            '{"schema":"xvec-1","isa":"i386","group":"int","sel":{},"windows":[],"defaults":{}}\n{',
          ),
        ),
      /line 2/,
    ],
    [
      "a header without windows",
      () => readVectorFile(put("bare.jsonl", '{"schema":"xvec-1","isa":"i386"}')),
      /line 1 lacks/,
    ],
    [
      "a directory that is not there",
      () => findVectorFiles(join(scratch, "none"), null),
      /no such directory/,
    ],
    ["a directory without vectors", () => findVectorFiles(scratch, null), /holds no directory i386 or amd64/],
    ["a group that is not there", () => findVectorFiles(fixtures, ["int", "nonsense"]), /"nonsense"/],
  ] as const)("%s", (_name, read, message) => {
    expect(read).toThrow(VectorFileError);
    expect(read).toThrow(message);
  });
});
