import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { createArena } from "../../src/arena.ts";
import { findVectorFiles, runVectorFile } from "../../src/run-files.ts";
import { VectorRunner } from "../../src/run-vector.ts";
import { readVectorFile, type Vector, VectorFileError } from "../../src/vector-file.ts";

const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));
const files = findVectorFiles(fixtures, null);
const scratch = mkdtempSync(join(tmpdir(), "vectors-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe("the processor agrees with silicon", () => {
  it("in all thirteen groups", () => {
    expect([...files.keys()].join(" ")).toBe("bcd bit cc ctrl far int muldiv pf priv shift stack string ud");
  });

  it.each([...files])("group %s", (_group, path) => {
    const { passed, failed, firstFailures } = runVectorFile(path);
    const shown = firstFailures.map(({ vector, differences }) => `${vector.form}: ${differences.join("; ")}`);
    expect(shown).toEqual([]);
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(20);
  });
});

describe("the comparison sees", () => {
  const file = readVectorFile(files.get("stack") ?? "");
  const arena = createArena(file);
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
    const esp = push?.after["esp"] ?? 0;
    expect(differences({ after: { ...push?.after, esp: esp + 1 } })[0]).toMatch(/^esp: want/);
  });

  it("another flag, unless it is undefined", () => {
    const flags = (push?.before["fl"] ?? 0) ^ 1;
    expect(differences({ after: { ...push?.after, fl: flags } })).toEqual(["flags differ in 1"]);
    expect(differences({ after: { ...push?.after, fl: flags }, undefinedFlags: 1 })).toEqual([]);
  });

  it("another byte of memory, unless it is undefined", () => {
    const [patch] = push?.memoryAfter ?? [];
    if (patch === undefined) throw new Error("a push stores something");
    const bytes = patch.bytes.map((byte) => byte ^ 1);
    expect(differences({ memoryAfter: [{ ...patch, bytes }] })[0]).toMatch(/^stack at/);
    const undefinedMemory = [[patch.address, bytes.length]] as const;
    expect(differences({ memoryAfter: [{ ...patch, bytes }], undefinedMemory })).toEqual([]);
  });

  it("a fault that is missing, and its error code and address", () => {
    const fault = { vector: 14, errorCode: 6, address: 0x1000 };
    expect(differences({ fault })[0]).toBe("fault: want 14 got none");
    const pageFaults = readVectorFile(files.get("pf") ?? "");
    const pfRunner = new VectorRunner(pageFaults, createArena(pageFaults));
    const vector = pageFaults.vectors.find(
      (one) => one.fault?.vector === 14 && one.fault.address !== undefined,
    );
    if (vector?.fault == null) throw new Error("the sample has no page fault");
    const { errorCode = 0, address = 0 } = vector.fault;
    const wrong = { vector: 14, errorCode: errorCode ^ 2, address: address + 1 };
    expect(pfRunner.run({ ...vector, fault: wrong }).length).toBe(2);
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
      () => readVectorFile(put("wide.jsonl", '{"schema":"xvec-1","isa":"amd64"}')),
      /amd64/,
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
    ["a directory without vectors", () => findVectorFiles(scratch, null), /holds no directory i386/],
    ["a group that is not there", () => findVectorFiles(fixtures, ["int", "nonsense"]), /"nonsense"/],
  ] as const)("%s", (_name, read, message) => {
    expect(read).toThrow(VectorFileError);
    expect(read).toThrow(message);
  });
});
