import { parseArgs } from "node:util";
import type { EngineChoice } from "@xenolith/x86-cpu";
import { type Failure, findVectorFiles, type GroupResult, runVectorFile } from "./run-files.ts";
import { VectorFileError } from "./vector-file.ts";

const USAGE = "usage: pnpm vectors DIRECTORY [--groups a,b] [--engine auto|interpreter]";

interface Command {
  readonly directory: string;
  readonly groups: readonly string[] | null;
  readonly engine: EngineChoice;
}

/** A mistake on the command line. */
class UsageError extends Error {}

const readCommand = (args: readonly string[]): Command => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { groups: { type: "string" }, engine: { type: "string", default: "auto" } },
  });
  const [directory, ...more] = positionals;
  if (directory === undefined || more.length > 0) throw new UsageError(USAGE);
  const { engine } = values;
  if (engine !== "auto" && engine !== "interpreter")
    throw new UsageError(`--engine ${engine}: not an engine; ${USAGE}`);
  return { directory, groups: values.groups?.split(",") ?? null, engine };
};

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const printRow = (cells: readonly (string | number)[]): void => {
  print(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(16) : String(cell).padStart(9))).join(" "));
};

const printFailure = ({ vector, differences }: Failure): void => {
  print(`  ${vector.form}  ${Buffer.from(vector.bytes).toString("hex")}  ${differences.join("; ")}`);
};

const printGroup = ({ name, passed, failed, skipped, milliseconds, firstFailures }: GroupResult): void => {
  const skippedInAll = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  printRow([name, passed, failed, skippedInAll, Math.round(milliseconds)]);
  for (const [reason, count] of skipped) print(`  ${count} skipped: ${reason}`);
  firstFailures.forEach(printFailure);
};

const main = (): number => {
  const { directory, groups, engine } = readCommand(process.argv.slice(2));
  const files = findVectorFiles(directory, groups);
  printRow(["group", "passed", "failed", "skipped", "ms"]);
  let passed = 0;
  let failed = 0;
  for (const path of files.values()) {
    const result = runVectorFile(path, engine);
    printGroup(result);
    passed += result.passed;
    failed += result.failed;
  }
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
};

const isMistake = (error: unknown): error is Error =>
  error instanceof UsageError ||
  error instanceof VectorFileError ||
  (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));

try {
  process.exitCode = main();
} catch (error) {
  if (!isMistake(error)) throw error;
  process.stderr.write(`vectors: ${error.message.split("\n")[0]}\n`);
  process.exitCode = 2;
}
