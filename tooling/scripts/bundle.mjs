// Bundles an application from the sources of all packages it is made of, when one of them has changed.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { compileScript } from "./compiled-script.mjs";
import { cacheDirectory, repositoryRoot } from "./repository.mjs";

/**
 * What a finished bundle was made of.
 * @typedef {object} Stamp
 * @property {string} bundle name of the directory that holds it
 * @property {Record<string, string>} inputs path relative to the root -> its state when the bundle was made
 */

const ANY_ENTRY = { throwIfNoEntry: false };

/** Changes whenever the file's content may have changed; empty for a missing file. @param {string} path */
function stateOf(path) {
  // Asked for every input of a bundle before each start: not even paths are put together in more steps than necessary.
  const stat = statSync(`${repositoryRoot}/${path}`, ANY_ENTRY);
  return stat === undefined ? "" : `${stat.mtimeMs}:${stat.size}`;
}

/** @param {string} file @returns {Stamp | undefined} */
function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** @param {Stamp} stamp */
function isFresh(stamp) {
  if (!existsSync(join(cacheDirectory, stamp.bundle, "main.js"))) return false;
  for (const path in stamp.inputs) if (stateOf(path) !== stamp.inputs[path]) return false;
  return true;
}

/**
 * A bundled file is elsewhere than its source: `import.meta.url` keeps meaning the source, so that
 * `new URL("../image", import.meta.url)` finds what lies beside it.
 * @type {import("esbuild").Plugin}
 */
const keepSourceUrl = {
  name: "keep-source-url",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      const url = JSON.stringify(pathToFileURL(path).href);
      return { contents: text.replaceAll("import.meta.url", url), loader: "ts" };
    });
  },
};

/** How a bundle is made is an input too. */
const MAKERS = ["tooling/scripts/bundle.mjs", "tooling/scripts/compiled-script.mjs"];

/** Manifests decide how imports resolve, so they are inputs too. @returns {string[]} */
function manifests() {
  return ["packages", "apps", "tooling"].flatMap((kind) =>
    readdirSync(join(repositoryRoot, kind)).map((name) => `${kind}/${name}/package.json`),
  );
}

/**
 * Builds `src/main.ts` for Node and, when there is one, `src/browser/main.ts` for a browser
 * (as browser/main.js and browser/main.css).
 * @param {string} application @param {string} outdir
 * @returns {Promise<string[]>} the inputs, relative to the root
 */
async function build(application, outdir) {
  const esbuild = await import("esbuild").catch(() => {
    throw new Error("nothing is installed yet: run `npx pnpm@10.34.9 install` in the repository first");
  });
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    absWorkingDir: repositoryRoot,
    bundle: true,
    format: "esm",
    target: "es2023",
    metafile: true,
    logLevel: "silent",
    legalComments: "none",
  };
  /** @type {import("esbuild").BuildOptions} */
  const forNode = {
    ...common,
    platform: "node",
    conditions: ["@xenolith/source", "module"],
    plugins: [keepSourceUrl],
    loader: { ".html": "text" },
  };
  /** @type {Promise<import("esbuild").BuildResult>[]} */
  const builds = [
    esbuild.build({
      ...forNode,
      entryPoints: { main: `${application}/src/main.ts` },
      outdir,
      splitting: true,
      // Dependencies in CommonJS call `require` for Node's own modules.
      banner: {
        js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
      },
    }),
  ];
  if (existsSync(join(repositoryRoot, application, "src/browser/main.ts"))) {
    builds.push(
      esbuild.build({
        ...common,
        entryPoints: { main: `${application}/src/browser/main.ts` },
        outdir: join(outdir, "browser"),
        platform: "browser",
        conditions: ["@xenolith/source", "module", "browser"],
        loader: { ".woff2": "dataurl", ".svg": "dataurl", ".html": "text" },
      }),
    );
  }
  const asScript = esbuild
    .build({
      ...forNode,
      entryPoints: [`${application}/src/main.ts`],
      outfile: join(outdir, "main.cjs"),
      format: "cjs",
    })
    .catch(() => null);
  const results = await Promise.all(builds);
  // Applications that await at the top level or load parts of themselves later stay modules.
  const isWhole = readdirSync(outdir).filter((name) => name.endsWith(".js")).length === 1;
  const script = await asScript;
  if (isWhole && script?.warnings.length === 0) compileScript(outdir);
  return results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
}

/**
 * Removes bundles of an earlier state. A process that runs one may still load more of it: the young ones stay.
 * @param {string} prefix @param {string} current
 */
function removeOld(prefix, current) {
  const anHourAgo = Date.now() - 3_600_000;
  for (const name of readdirSync(cacheDirectory)) {
    if (!name.startsWith(prefix) || name === current) continue;
    const path = join(cacheDirectory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < anHourAgo) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * The directory of an up-to-date bundle of the application: main.js, and browser/ if it has a browser side.
 * @param {string} application path of its directory, relative to the root
 * @returns {Promise<string>}
 */
export async function bundleOf(application) {
  if (!existsSync(join(repositoryRoot, application, "src/main.ts"))) {
    throw new Error(`${application}/src/main.ts: no such file`);
  }
  const prefix = `${application.replaceAll("/", "-")}@`;
  const stampFile = join(cacheDirectory, `${prefix}stamp.json`);
  const stamp = readStamp(stampFile);
  if (stamp !== undefined && isFresh(stamp)) return join(cacheDirectory, stamp.bundle);

  mkdirSync(cacheDirectory, { recursive: true });
  const name = `${prefix}${Date.now()}-${process.pid}`;
  const outdir = join(cacheDirectory, name);
  // Taken before the build: a file that changes meanwhile makes the next start build again.
  const started = Date.now();
  const paths = new Set([...(await build(application, outdir)), ...manifests(), ...MAKERS]);
  writeFileSync(join(outdir, "package.json"), '{ "type": "module" }\n');
  const inputs = Object.fromEntries(
    [...paths].map((path) => {
      const changed = statSync(join(repositoryRoot, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      return [path, changed > started ? "changed" : stateOf(path)];
    }),
  );
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify({ bundle: relative(cacheDirectory, outdir), inputs }));
  renameSync(temporary, stampFile);
  removeOld(prefix, name);
  return outdir;
}
