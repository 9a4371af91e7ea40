import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EngineChoice } from "@xenolith/x86-cpu";
import { createArena } from "./arena.ts";
import { VectorRunner } from "./run-vector.ts";
import { INSTRUCTION_SETS, readVectorFile, type Vector, VectorFileError } from "./vector-file.ts";

/** Groups of instructions that the processor does not have yet, and why they are skipped. */
const ABSENT: ReadonlyMap<string, string> = new Map();

/** Why a group is skipped; null: it is run. */
const reasonToSkip = (group: string): string | null => ABSENT.get(group) ?? null;

/** A vector that did not pass. */
export interface Failure {
  readonly vector: Vector;
  readonly differences: readonly string[];
}

/** Result of one group. */
export interface GroupResult {
  /** Instruction set and group. */
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  /** How many were skipped, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly milliseconds: number;
  readonly firstFailures: readonly Failure[];
}

/** Failures of a group that are kept to be shown. */
const SHOWN_FAILURES = 5;

/** Files of vectors in `DIRECTORY/INSTRUCTION-SET`: `GROUP.jsonl` or `.jsonl.gz`, by group. */
const filesIn = (folder: string): ReadonlyMap<string, string> => {
  const files = new Map<string, string>();
  for (const name of readdirSync(folder).sort()) {
    const group = /^(.+)\.jsonl(?:\.gz)?$/.exec(name)?.[1];
    if (group !== undefined) files.set(group, join(folder, name));
  }
  if (files.size === 0) throw new VectorFileError(`${folder}: holds no vectors (*.jsonl.gz)`);
  return files;
};

/**
 * Files of vectors below a directory, of the chosen groups or all, by instruction set and group (`amd64/int`).
 * @throws VectorFileError when there is none, or none of a chosen group.
 */
export const findVectorFiles = (
  directory: string,
  groups: readonly string[] | null,
): ReadonlyMap<string, string> => {
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw new VectorFileError(`${directory}: no such directory`);
  }
  const sets = INSTRUCTION_SETS.filter((isa) => existsSync(join(directory, isa)));
  if (sets.length === 0) {
    throw new VectorFileError(`${directory}: holds no directory ${INSTRUCTION_SETS.join(" or ")}`);
  }
  const found = new Map<string, string>();
  const seen = new Set<string>();
  for (const isa of sets) {
    for (const [group, path] of filesIn(join(directory, isa))) {
      if (groups !== null && !groups.includes(group)) continue;
      found.set(`${isa}/${group}`, path);
      seen.add(group);
    }
  }
  const missing = (groups ?? []).find((group) => !seen.has(group));
  if (missing !== undefined) throw new VectorFileError(`${directory}: no vectors of the group "${missing}"`);
  return found;
};

/** Runs all vectors of one file. */
export const runVectorFile = (path: string, engine: EngineChoice): GroupResult => {
  const startMs = performance.now();
  const file = readVectorFile(path);
  const arena = createArena(file, engine);
  const runner = new VectorRunner(file, arena);
  const firstFailures: Failure[] = [];
  const skipped = new Map<string, number>();
  let passed = 0;
  let failed = 0;
  for (const vector of file.vectors) {
    const reason = reasonToSkip(file.group);
    if (reason !== null) {
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    }
    const differences = runner.run(vector);
    if (differences.length === 0) {
      passed++;
      continue;
    }
    failed++;
    if (firstFailures.length < SHOWN_FAILURES) firstFailures.push({ vector, differences });
  }
  arena.release();
  return {
    name: `${file.isa}/${file.group}`,
    passed,
    failed,
    skipped,
    milliseconds: performance.now() - startMs,
    firstFailures,
  };
};
