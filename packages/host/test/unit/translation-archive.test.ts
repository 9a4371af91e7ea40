import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArchivedModule } from "@xenolith/x86-cpu";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTranslationArchive } from "../../src/node/index.ts";

const moduleOf = (mark: number): ArchivedModule => ({
  bytes: Uint8Array.of(mark, 2, 3),
  support: ["refill"],
  mode: "64-bit",
  regions: [
    {
      page: -0x7f00_0000,
      entries: [-0x7eff_fff0],
      roots: [-0x7eff_fff0],
      isLoop: true,
      blocks: [16],
      ranges: [{ start: 16, bytes: Uint8Array.of(0x90, 0xc3) }],
    },
  ],
});

describe("translations in files", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "archive-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const keep = (marks: readonly number[], version = "1", environment = "e"): void => {
    const archive = openTranslationArchive(directory, version);
    archive.open(environment);
    for (const mark of marks) archive.keep(moduleOf(mark));
    archive.flush();
  };
  const found = (version = "1", environment = "e"): readonly ArchivedModule[] =>
    openTranslationArchive(directory, version).open(environment);
  const ownFolder = (): string => join(directory, readdirSync(directory)[0] ?? "");
  const ownFile = (): string => join(ownFolder(), readdirSync(ownFolder())[0] ?? "");

  it("are found as they were kept, by programs of the same version for the same environment", () => {
    keep([7, 8]);
    expect(found()).toEqual([moduleOf(7), moduleOf(8)]);
    expect(found("2")).toEqual([]);
    expect(found("1", "other")).toEqual([]);
  });

  it("end where a file was cut short or changed", () => {
    keep([7, 8]);
    appendFileSync(ownFile(), Uint8Array.of(200, 0, 0, 0, 1, 2, 3, 4, 5));
    expect(found().length).toBe(2);
    writeFileSync(ownFile(), Uint8Array.of(3, 0, 0, 0, 9, 9, 9, 9, 1, 2, 3));
    expect(found()).toEqual([]);
  });

  it("go with builds that are no longer used", () => {
    keep([7], "old");
    const anHourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(ownFolder(), anHourAgo, anHourAgo);
    for (let build = 0; build < 16; build++) keep([build], `${build}`);
    expect(readdirSync(directory).length).toBe(16);
    expect(found("old")).toEqual([]);
  });

  it("are nowhere where there is no such directory to be had", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const archive = openTranslationArchive(join(file, "below"), "1");
    expect(archive.open("e")).toEqual([]);
    archive.keep(moduleOf(1));
    archive.flush();
    expect(existsSync(join(file, "below"))).toBe(false);
  });
});
