import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../../", import.meta.url));

/** Where a guest is, if it has been fetched. */
export const guestFile = (name: string): string => `${repository}.guests/${name}`;

/** Path of a guest that `pnpm guests` has fetched. @throws Error that says how to fetch it. */
export const guestPath = (name: string): string => {
  const path = guestFile(name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run pnpm guests`);
  return path;
};

/** What a run of xl left. */
export interface XlResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly wallMs: number;
  /** Wall time until stdout first held the text asked for, or null. */
  readonly promptMs: number | null;
}

/** Runs `xl` from source as a process of its own, with a text on stdin. */
export const runXl = (
  args: readonly string[],
  options: { readonly stdin?: string; readonly prompt?: string; readonly cwd?: string } = {},
): Promise<XlResult> =>
  new Promise((resolve, reject) => {
    const startMs = performance.now();
    const { INIT_CWD: _, ...environment } = process.env;
    const child = spawn(process.execPath, [`${repository}tooling/scripts/launch.mjs`, "apps/xl", ...args], {
      cwd: options.cwd ?? repository,
      env: environment,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let promptMs: number | null = null;
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("latin1");
      if (promptMs === null && options.prompt !== undefined && stdout.includes(options.prompt)) {
        promptMs = performance.now() - startMs;
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (exitCode) =>
      resolve({ exitCode, stdout, stderr, wallMs: performance.now() - startMs, promptMs }),
    );
    child.stdin.end(options.stdin ?? "");
  });
