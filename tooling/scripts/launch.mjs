// launch.mjs DIRECTORY [ARGUMENTS…]: runs DIRECTORY/src/main.ts from source in this process.
//
// The application is bundled with esbuild below node_modules/.cache when a source it was made of has changed,
// and imported. Relative paths among the arguments mean what they meant where the user stood: npm and pnpm
// change to the repository's root before they start a script, and say in INIT_CWD where they came from.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleOf } from "./bundle.mjs";
import { runScript } from "./compiled-script.mjs";
import { repositoryRoot } from "./repository.mjs";

const [directory, ...rest] = process.argv.slice(2);
if (directory === undefined) {
  process.stderr.write("launch: give the directory of an application, such as apps/xl\n");
  process.exit(2);
}
// npm takes the `--` that separates its arguments from the script's away, pnpm passes it on.
const args = rest[0] === "--" ? rest.slice(1) : rest;

let bundle;
try {
  bundle = await bundleOf(directory);
} catch (error) {
  process.stderr.write(`launch: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}

const startedIn = process.env["INIT_CWD"];
if (startedIn !== undefined && process.cwd() === repositoryRoot) process.chdir(startedIn);
const main = join(bundle, "main.js");
process.argv = [process.execPath, main, ...args];
if (!runScript(bundle)) await import(pathToFileURL(main).href);
