import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createArena } from "./arena.ts";
import { VectorRunner } from "./run-vector.ts";
import { readVectorFile, type Vector, VectorFileError } from "./vector-file.ts";

/** Groups that need floating point or vector registers, which the processor does not have (its CPUID says so). */
const UNSUPPORTED_GROUPS: ReadonlySet<string> = new Set([
  "x87",
  "x87t",
  "mmx",
  "sse2i",
  "ssef",
  "ssecvt",
  "sseapprox",
]);

/** Forms of other groups that work on vector registers: those with a mandatory prefix. */
const VECTOR_REGISTER_FORM = /\.(?:66|f2|f3)_0f/;

const isSupported = (group: string, { form }: Vector): boolean =>
  !UNSUPPORTED_GROUPS.has(group) && !VECTOR_REGISTER_FORM.test(form);

/** A vector that did not pass. */
export interface Failure {
  readonly vector: Vector;
  readonly differences: readonly string[];
}

/** Result of one group. */
export interface GroupResult {
  readonly group: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly milliseconds: number;
  readonly firstFailures: readonly Failure[];
}

/** Failures of a group that are kept to be shown. */
const SHOWN_FAILURES = 5;

/** Files of vectors below a directory: `i386/GROUP.jsonl` or `.jsonl.gz`, by group, of the chosen groups or all. */
export const findVectorFiles = (
  directory: string,
  groups: readonly string[] | null,
): ReadonlyMap<string, string> => {
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw new VectorFileError(`${directory}: no such directory`);
  }
  const folder = join(directory, "i386");
  if (!existsSync(folder)) throw new VectorFileError(`${directory}: holds no directory i386`);
  const files = new Map<string, string>();
  for (const name of readdirSync(folder).sort()) {
    const group = /^(.+)\.jsonl(?:\.gz)?$/.exec(name)?.[1];
    if (group !== undefined) files.set(group, join(folder, name));
  }
  if (files.size === 0) throw new VectorFileError(`${folder}: holds no vectors (*.jsonl.gz)`);
  const missing = (groups ?? []).find((group) => !files.has(group));
  if (missing !== undefined) throw new VectorFileError(`${folder}: no vectors of the group "${missing}"`);
  return groups === null ? files : new Map([...files].filter(([group]) => groups.includes(group)));
};

/** Runs all vectors of one file. */
export const runVectorFile = (path: string): GroupResult => {
  const startMs = performance.now();
  const file = readVectorFile(path);
  const vectors = file.vectors.filter((vector) => isSupported(file.group, vector));
  const arena = createArena(file);
  const runner = new VectorRunner(file, arena);
  const firstFailures: Failure[] = [];
  let failed = 0;
  for (const vector of vectors) {
    const differences = runner.run(vector);
    if (differences.length === 0) continue;
    failed++;
    if (firstFailures.length < SHOWN_FAILURES) firstFailures.push({ vector, differences });
  }
  arena.release();
  return {
    group: file.group,
    passed: vectors.length - failed,
    failed,
    skipped: file.vectors.length - vectors.length,
    milliseconds: performance.now() - startMs,
    firstFailures,
  };
};
