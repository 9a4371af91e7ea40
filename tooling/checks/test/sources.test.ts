import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "@xenolith/scripts/repository.mjs";
import { describe, expect, it } from "vitest";
import { citations, knownIds } from "../src/citations.ts";
import { cycles, loads, ownStatements } from "../src/imports.ts";
import { isCode, place, repositoryFiles } from "../src/sources.ts";

const files = repositoryFiles();
const code = files.filter(isCode);

describe("every source file", () => {
  it("has at most 600 lines", () => {
    const lengths = code.map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }));
    const tooLong = lengths.filter(({ lines }) => lines > 600);
    expect(tooLong.map(({ path, lines }) => `${path}: ${lines} lines, split it`)).toEqual([]);
  });

  it("gives the bound that makes a `!` safe, as `BOUNDS: …`", () => {
    const ignored = /biome-ignore\S* lint\/style\/noNonNullAssertion(?!: BOUNDS: \S)/g;
    const unexplained = code.flatMap((file) =>
      [...file.text.matchAll(ignored)].map(
        (match) => `${place(file, match.index)}: a \`!\` is let through without "BOUNDS: reason"`,
      ),
    );
    expect(unexplained).toEqual([]);
  });

  it("cites only specifications that docs/specs.md lists", () => {
    const known = knownIds(readFileSync(join(repositoryRoot, "docs/specs.md"), "utf8"));
    const unknown = code.flatMap(citations).filter(({ id }) => !known.has(id));
    expect(unknown.map(({ id, at }) => `${at}: no "${id}" in docs/specs.md`)).toEqual([]);
  });

  it("says what it exports, but for names of Xen's headers", () => {
    const exported = /^export (?:abstract )?(?:async )?(?:const|function|class|interface|type) \w.*$/gm;
    const undocumented = code
      .filter(({ path }) => /^packages\/(?!xen-abi\/)[^/]+\/src\/.*\.ts$/.test(path))
      .flatMap((file) =>
        [...file.text.matchAll(exported)]
          .filter(({ index }) => !/\*\/\s*(?:\/\/[^\n]*\s*)*$/.test(file.text.slice(0, index)))
          .map((match) => `${place(file, match.index)}: no docstring`),
      );
    expect(undocumented).toEqual([]);
  });

  it("does not silence the compiler", () => {
    const silenced = code
      .filter(({ path }) => !path.includes("/test/"))
      .flatMap((file) =>
        [...file.text.matchAll(/^\s*\/[/*]\s*@ts-(?:ignore|nocheck|expect-error)/gm)].map((match) =>
          place(file, match.index),
        ),
      );
    expect(silenced).toEqual([]);
  });
});

describe("the modules of a package", () => {
  it("do not load one another in a circle", () => {
    const sources = code.filter(({ path }) => /^(?:packages|apps|tooling)\/[^/]+\/src\/.*\.ts$/.test(path));
    const graph = new Map(sources.map((file) => [file.path, loads(file)]));
    expect(cycles(graph).map((circle) => circle.join(" -> "))).toEqual([]);
  });

  it("are only re-exported by src/index.ts, in at most 120 lines", () => {
    const wrong = code
      .filter(({ path }) => /^packages\/[^/]+\/src\/index\.ts$/.test(path))
      .flatMap((file) => [
        ...ownStatements(file).map((text) => `${file.path}: not a re-export: ${text}`),
        ...(file.text.trimEnd().split("\n").length > 120 ? [`${file.path}: over 120 lines`] : []),
        ...(/export \* from "@/.test(file.text) ? [`${file.path}: export * of another package`] : []),
      ]);
    expect(wrong).toEqual([]);
  });
});

describe("every file of the repository", () => {
  // Put together here, so that this file does not break its own rule.
  const slash = "/";
  const machinePath = new RegExp(
    String.raw`(?<![\w.~$}\])/-])${slash}(?:work|root|tmp|home${slash}\w+|Users${slash}\w+)${slash}[\w.]`,
  );
  const registryHost = /\bregistry\.[a-z0-9-]+\.[a-z]{2,}\b/;

  function offending(pattern: RegExp): string[] {
    return files.flatMap((file) => {
      const match = pattern.exec(file.text);
      return match === null ? [] : [`${place(file, match.index)}: ${match[0]}`];
    });
  }

  it("names no path of somebody's machine", () => {
    expect(offending(machinePath)).toEqual([]);
  });

  it("names no package registry", () => {
    expect(offending(registryHost)).toEqual([]);
  });
});
