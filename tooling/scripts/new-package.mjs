// pnpm new-package NAME --tag TAG [--deps a,b] [--subpaths testing,control.ts] [--description TEXT]
// Writes the skeleton of a package, or of an application when TAG is app. Never overwrites a file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { repositoryRoot } from "./repository.mjs";

/**
 * @typedef {object} Plan
 * @property {string} name
 * @property {string} tag
 * @property {string[]} deps
 * @property {string[]} subpaths
 * @property {string} description
 */

/** Every tag that packages and applications may bear. @returns {string[]} */
export function layerTags() {
  const { boundaries } = JSON.parse(readFileSync(join(repositoryRoot, "turbo.json"), "utf8"));
  return [...Object.keys(boundaries.tags).filter((tag) => tag !== "configuration"), "app"];
}

/** @param {string} message @returns {never} */
function fail(message) {
  process.stderr.write(`new-package: ${message}\n`);
  process.exit(2);
}

/** A subpath is `NAME` (src/NAME/index.ts) or `NAME.ts` (src/NAME.ts). @param {string} subpath */
function subpathSource(subpath) {
  return subpath.endsWith(".ts") ? `./src/${subpath}` : `./src/${subpath}/index.ts`;
}

/** The three conditions under which a source is published. @param {string} source */
export function exportEntry(source) {
  const built = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
  return { "@xenolith/source": source, types: `${built}.d.ts`, default: `${built}.js` };
}

/** @param {string[]} names */
function workspaceDependencies(names) {
  return Object.fromEntries(names.sort().map((name) => [`@xenolith/${name}`, "workspace:*"]));
}

/**
 * Scripts of a package: they differ only in its name and kind.
 * @param {string} name @param {boolean} isApp
 */
export function scriptsOf(name, isApp) {
  return {
    build: "tsup",
    "check:package": isApp ? "publint --strict" : "publint --strict && attw --pack . --profile esm-only",
    test: `vitest run --root ../.. ${isApp ? "apps" : "packages"}/${name}/`,
  };
}

/** @param {Plan} plan */
function manifestOf({ name, tag, deps, subpaths, description }) {
  const isApp = tag === "app";
  const paths = subpaths.map((subpath) => [
    `./${subpath.replace(/\.ts$/, "")}`,
    exportEntry(subpathSource(subpath)),
  ]);
  const exportsMap = { ".": exportEntry("./src/index.ts"), ...Object.fromEntries(paths) };
  return {
    name: `@xenolith/${name}`,
    version: "0.1.0",
    description,
    license: "MIT",
    type: "module",
    ...(isApp
      ? { bin: { [`xenolith-${name}`]: "./dist/main.js" } }
      : { sideEffects: false, exports: exportsMap }),
    files: ["dist", "src"],
    engines: { node: ">=20.19" },
    scripts: scriptsOf(name, isApp),
    ...(deps.length > 0 ? { dependencies: workspaceDependencies(deps) } : {}),
    devDependencies: {
      ...(isApp || subpaths.includes("node") ? { "@types/node": "catalog:" } : {}),
      "@xenolith/config": "workspace:*",
      "fast-check": "catalog:",
      tsup: "catalog:",
      vitest: "catalog:",
    },
  };
}

/** @param {Plan} plan */
function createPackage(plan) {
  const isApp = plan.tag === "app";
  const directory = join(repositoryRoot, isApp ? "apps" : "packages", plan.name);
  /** @param {string} path @param {string} text */
  const writeNew = (path, text) => {
    const file = join(directory, path);
    if (existsSync(file)) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  writeNew("package.json", `${JSON.stringify(manifestOf(plan), null, 2)}\n`);
  writeNew("turbo.json", `{ "extends": ["//"], "tags": ["${plan.tag}"] }\n`);
  const base = isApp ? "application" : "library";
  writeNew("tsconfig.json", `{ "extends": "../../tooling/config/${base}.json" }\n`);
  writeNew("tsup.config.ts", `export { default } from "@xenolith/config/tsup";\n`);
  writeNew("README.md", `# @xenolith/${plan.name}\n\n${plan.description}.\n`);
  if (isApp) {
    writeNew("src/main.ts", "#!/usr/bin/env node\nexport {};\n");
    return;
  }
  writeNew("src/index.ts", "export {};\n");
  for (const subpath of plan.subpaths) writeNew(subpathSource(subpath), "export {};\n");
}

/** @param {string | undefined} text */
function list(text) {
  return text === undefined || text === "" ? [] : text.split(",");
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        tag: { type: "string" },
        deps: { type: "string" },
        subpaths: { type: "string" },
        description: { type: "string" },
      },
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function main() {
  const { values, positionals } = readArguments();
  const [name] = positionals;
  if (positionals.length !== 1 || name === undefined) return fail("give one package name");
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return fail(`${name}: a package name is kebab-case`);
  const { tag } = values;
  if (tag === undefined || !layerTags().includes(tag)) {
    return fail(`--tag ${tag ?? "(missing)"}: must be one of ${layerTags().join(", ")}`);
  }
  const deps = list(values.deps);
  for (const dep of deps) {
    if (!existsSync(join(repositoryRoot, "packages", dep))) {
      return fail(`--deps ${dep}: no such directory in packages/`);
    }
  }
  const subpaths = list(values.subpaths);
  createPackage({ name, tag, deps, subpaths, description: values.description ?? name });
  process.stdout.write(`${name}: now run \`pnpm install\`\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
