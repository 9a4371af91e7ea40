// pnpm new-package NAME --tag TAG [--deps a,b] [--subpaths testing,control] [--description TEXT]
// Writes the skeleton of a package (or of an application when TAG is app). Never overwrites a file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const layers = Object.keys(JSON.parse(readFileSync(join(root, "turbo.json"), "utf8")).boundaries.tags);
const tags = [...layers.filter((tag) => tag !== "configuration"), "app"];

function fail(message) {
  process.stderr.write(`new-package: ${message}\n`);
  process.exit(2);
}

/** A subpath is `NAME` (src/NAME/index.ts) or `NAME.ts` (src/NAME.ts). */
function subpathSource(subpath) {
  return subpath.endsWith(".ts") ? `./src/${subpath}` : `./src/${subpath}/index.ts`;
}

function exportEntry(source) {
  const built = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
  return { "@xenolith/source": source, types: `${built}.d.ts`, default: `${built}.js` };
}

function workspaceDependencies(names) {
  return Object.fromEntries(names.sort().map((name) => [`@xenolith/${name}`, "workspace:*"]));
}

function manifestOf({ name, tag, deps, subpaths, description }) {
  const isApp = tag === "app";
  const exportsMap = { ".": exportEntry("./src/index.ts") };
  for (const subpath of subpaths) {
    exportsMap[`./${subpath.replace(/\.ts$/, "")}`] = exportEntry(subpathSource(subpath));
  }
  const needsNode = isApp || subpaths.includes("node");
  return {
    name: `@xenolith/${name}`,
    version: "0.1.0",
    description,
    license: "MIT",
    type: "module",
    ...(isApp ? { bin: { [`xenolith-${name}`]: "./dist/main.js" } } : { sideEffects: false, exports: exportsMap }),
    files: ["dist", "src"],
    engines: { node: ">=20.19" },
    scripts: {
      build: "tsup",
      "check:package": isApp ? "publint --strict" : "publint --strict && attw --pack . --profile esm-only",
      test: `vitest run --root ../.. ${isApp ? "apps" : "packages"}/${name}/`,
    },
    ...(deps.length > 0 ? { dependencies: workspaceDependencies(deps) } : {}),
    devDependencies: {
      ...(needsNode ? { "@types/node": "catalog:" } : {}),
      "@xenolith/config": "workspace:*",
      "fast-check": "catalog:",
      tsup: "catalog:",
      vitest: "catalog:",
    },
  };
}

function writeNew(directory, path, text) {
  const file = join(directory, path);
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

export function createPackage(options) {
  const isApp = options.tag === "app";
  const directory = join(root, isApp ? "apps" : "packages", options.name);
  writeNew(directory, "package.json", json(manifestOf(options)));
  writeNew(directory, "turbo.json", `{ "extends": ["//"], "tags": ["${options.tag}"] }\n`);
  const base = isApp ? "application" : "library";
  writeNew(directory, "tsconfig.json", `{ "extends": "@xenolith/config/${base}.json" }\n`);
  writeNew(directory, "tsup.config.ts", `export { default } from "@xenolith/config/tsup";\n`);
  writeNew(directory, "README.md", `# @xenolith/${options.name}\n\n${options.description}.\n`);
  if (isApp) {
    writeNew(directory, "src/main.ts", "#!/usr/bin/env node\nexport {};\n");
    return;
  }
  writeNew(directory, "src/index.ts", "export {};\n");
  for (const subpath of options.subpaths) writeNew(directory, subpathSource(subpath), "export {};\n");
}

function list(text) {
  return text === undefined || text === "" ? [] : text.split(",");
}

function main() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        tag: { type: "string" },
        deps: { type: "string" },
        subpaths: { type: "string" },
        description: { type: "string" },
      },
    });
  } catch (error) {
    fail(error.message);
  }
  const { values, positionals } = parsed;
  const [name] = positionals;
  if (positionals.length !== 1 || name === undefined) fail("give one package name");
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) fail(`${name}: a package name is kebab-case`);
  if (!tags.includes(values.tag)) fail(`--tag ${values.tag ?? "(missing)"}: must be one of ${tags.join(", ")}`);
  const deps = list(values.deps);
  for (const dep of deps) {
    if (!existsSync(join(root, "packages", dep))) fail(`--deps ${dep}: no such directory in packages/`);
  }
  createPackage({
    name,
    tag: values.tag,
    deps,
    subpaths: list(values.subpaths),
    description: values.description ?? name,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
