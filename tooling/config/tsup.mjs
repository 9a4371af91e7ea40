// One bundler preset for all packages. What a manifest already says is not said again: every
// `@xenolith/source` condition in `exports` is an entry, and a `bin` is an application's only entry.
import { existsSync, readFileSync } from "node:fs";

/** @type {{ bin?: object, exports?: Record<string, Record<string, string>> }} */
const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** "./src/testing/index.ts" -> "testing/index"; tsup writes that path below dist. @param {string} source */
const entryName = (source) => source.replace(/^\.\/src\//, "").replace(/\.ts$/, "");

/** @type {Record<string, string>} */
const entry = {};
for (const target of Object.values(manifest.exports ?? {})) {
  const source = target["@xenolith/source"];
  if (typeof source === "string") entry[entryName(source)] = source;
}
const isApplication = manifest.bin !== undefined;
const hasBrowserSide = existsSync("src/browser/main.ts");
const hasNodeSubpath = manifest.exports?.["./node"] !== undefined;

/** @type {import("tsup").Options} */
const common = {
  format: ["esm"],
  target: "es2023",
  sourcemap: false,
  silent: true,
};

/** @type {import("tsup").Options} */
const library = {
  ...common,
  entry,
  platform: "neutral",
  external: [/^node:/],
  clean: true,
  splitting: true,
  // The strict check is the root's `types` script; here the ambient WebAssembly declaration is replaced by
  // lib.dom, because the declaration bundler reads no `include`.
  dts: {
    compilerOptions: {
      ignoreDeprecations: "6.0",
      lib: ["es2023", "dom"],
      types: hasNodeSubpath ? ["node"] : [],
    },
  },
};

/** @type {import("tsup").Options} */
const application = {
  ...common,
  entry: { main: "src/main.ts" },
  platform: "node",
  splitting: true,
  clean: !hasBrowserSide,
  loader: { ".html": "text" },
};

/** What runs in a browser is bundled whole. @type {import("tsup").Options} */
const browserSide = {
  ...common,
  entry: { main: "src/browser/main.ts" },
  outDir: "dist/browser",
  platform: "browser",
  noExternal: [/.*/],
  loader: { ".woff2": "dataurl", ".svg": "dataurl", ".html": "text" },
};

export default isApplication ? [application, ...(hasBrowserSide ? [browserSide] : [])] : library;
