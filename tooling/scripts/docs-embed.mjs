// pnpm docs:embed: writes every package's examples into its README, where they are shown as they run.
//
// An example's place in a README is the fenced `ts` block that begins with `// examples/NAME.ts`; what follows in
// it is the file. An example without a place gets one at the end. In the README of the repository the block begins
// with the path from the root, and only examples with a place are shown.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { repositoryRoot, workspaces } from "./repository.mjs";

/** Paths of a package's examples, relative to it. @param {string} directory @returns {string[]} */
export function examplesOf(directory) {
  const examples = join(directory, "examples");
  if (!existsSync(examples)) return [];
  return readdirSync(examples)
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => `examples/${name}`);
}

/** @param {string} path @param {string} text */
function blockOf(path, text) {
  const heading = `// ${path}\n`;
  const body = text.startsWith(heading) ? text.slice(heading.length) : text;
  return `\`\`\`ts\n${heading}${body.trim()}\n\`\`\`\n`;
}

/** The README of a package as it has to be. @param {string} directory @returns {string} */
export function embedded(directory) {
  let readme = readFileSync(join(directory, "README.md"), "utf8");
  for (const path of examplesOf(directory)) {
    const block = blockOf(path, readFileSync(join(directory, path), "utf8"));
    const start = readme.indexOf(`\`\`\`ts\n// ${path}\n`);
    if (start < 0) {
      const heading = /^## Examples?$/m.test(readme) ? "" : "## Example\n\n";
      readme = `${readme.trimEnd()}\n\n${heading}${block}`;
      continue;
    }
    const fence = "\n```\n";
    const end = readme.indexOf(fence, start);
    readme = readme.slice(0, start) + block + readme.slice(end < 0 ? readme.length : end + fence.length);
  }
  return readme;
}

/** The README of the repository as it has to be. @returns {string} */
export function embeddedInRoot() {
  const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
  const places = /```ts\n\/\/ ((?:packages|apps)\/\S+\.ts)\n(?:[\s\S]*?\n)??```\n/g;
  return readme.replace(places, (_, /** @type {string} */ path) =>
    blockOf(path, readFileSync(join(repositoryRoot, path), "utf8")),
  );
}

function main() {
  writeFileSync(join(repositoryRoot, "README.md"), embeddedInRoot());
  for (const { directory, path } of [...workspaces("packages"), ...workspaces("apps")]) {
    const file = join(directory, "README.md");
    const text = embedded(directory);
    if (text === readFileSync(file, "utf8")) continue;
    writeFileSync(file, text);
    process.stdout.write(`${path}/README.md\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
