// npm test: lint, types, layers, every test, and the packages as they would be published.
//
// `--fast` leaves the published form out; `--guests` runs the tests with real guests and nothing else. Every step counts as one test; causes are printed where they
// happen, and the last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, repositoryRoot } from "./repository.mjs";

const started = Date.now();
const fast = process.argv.includes("--fast");
const guests = process.argv.includes("--guests");
const report = join(cacheDirectory, `vitest-${process.pid}.json`);
/** @type {NodeJS.ProcessEnv} */
const environment = {
  ...process.env,
  PATH: `${join(repositoryRoot, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
  TURBO_TELEMETRY_DISABLED: "1",
  FORCE_COLOR: process.stdout.isTTY ? "1" : "0",
};
// Tests start the repository's commands from where they like.
delete environment["INIT_CWD"];

let passed = 0;
let failed = 0;

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}

/**
 * Runs a program; what it prints is passed on if `live`, and otherwise returned to be shown on failure.
 * @param {string[]} command @param {boolean} live
 * @returns {Promise<{ ok: boolean, output: string, seconds: string }>}
 */
function run(command, live) {
  const begin = Date.now();
  return new Promise((resolve) => {
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      cwd: repositoryRoot,
      env: environment,
      stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
    });
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString("utf8");
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    /** @param {boolean} ok */
    const done = (ok) => resolve({ ok, output, seconds: ((Date.now() - begin) / 1000).toFixed(1) });
    child.on("error", (error) => {
      output += String(error);
      done(false);
    });
    child.on("close", (code) => done(code === 0));
  });
}

/** @param {string} name @param {string[]} command */
async function step(name, command) {
  const { ok, output, seconds } = await run(command, false);
  if (ok) {
    passed += 1;
    say(`  ok      ${name} (${seconds} s)`);
    return;
  }
  failed += 1;
  say(`  FAILED  ${name} (${seconds} s): ${command.join(" ")}`);
  say(output.trimEnd());
}

/**
 * A test file that could not be loaded has no failed test in it, so it is counted itself.
 * @param {{ numPassedTests: number, numFailedTests: number,
 *   testResults: { status: string, name: string, assertionResults: { status: string }[] }[] }} result
 */
function count(result) {
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  for (const file of result.testResults) {
    const blamed = file.assertionResults.some(({ status }) => status === "failed");
    if (file.status === "failed" && !blamed) failed += 1;
  }
}

async function tests() {
  const config = guests ? ["--config", "vitest.guests.config.ts"] : [];
  const command = [
    "vitest",
    "run",
    ...config,
    `--reporter=${guests ? "verbose" : "dot"}`,
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const { ok } = await run(command, true);
  const failedBefore = failed;
  try {
    count(JSON.parse(readFileSync(report, "utf8")));
  } catch {
    say("  FAILED  tests: vitest left no report");
    failed += 1;
  }
  rmSync(report, { force: true });
  // An error outside any test (an unhandled rejection) fails the run, too.
  if (!ok && failed === failedBefore) failed += 1;
}

async function checks() {
  say("checks");
  await Promise.all([step("lint", ["biome", "ci"]), step("layers", ["turbo", "boundaries"])]);
  await Promise.all([
    step("types of the packages", ["tsc", "-p", "tsconfig.lib.json"]),
    step("types of tests, applications and tooling", ["tsc", "-p", "tsconfig.tools.json"]),
  ]);
}

async function published() {
  say("packages as published");
  const turbo = ["turbo", "run", "check:package", "--output-logs=errors-only", "--concurrency=2"];
  await step("build, publint, attw", turbo);
}

mkdirSync(cacheDirectory, { recursive: true });
if (guests) {
  await tests();
} else {
  await checks();
  say("tests");
  await tests();
  if (!fast) await published();
}
say(`${((Date.now() - started) / 1000).toFixed(0)} s`);
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
