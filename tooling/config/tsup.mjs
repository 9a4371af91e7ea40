// One bundler preset for all packages. What a manifest already says is not said again: every
// `@xenolith/source` condition in `exports` is an entry, and a `bin` is an application's only entry.
import { readFileSync } from "node:fs";

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
if (isApplication) entry["main"] = "./src/main.ts";

const hasNodeSubpath = manifest.exports?.["./node"] !== undefined;

/** @type {import("tsup").Options} */
export default {
  entry,
  format: ["esm"],
  target: "es2023",
  platform: isApplication ? "node" : "neutral",
  external: [/^node:/],
  clean: true,
  sourcemap: false,
  splitting: true,
  silent: true,
  // The strict check is the root's `types` script; here the ambient WebAssembly declaration is replaced by
  // lib.dom, because the declaration bundler reads no `include`.
  dts: isApplication
    ? false
    : {
        compilerOptions: {
          ignoreDeprecations: "6.0",
          lib: ["es2023", "dom"],
          types: hasNodeSubpath ? ["node"] : [],
        },
      },
};
