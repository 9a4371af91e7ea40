// A bundle as one script whose compiled form is kept beside it: starting it costs no parsing and no compiling.
import { isAscii } from "node:buffer";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

const SCRIPT = "main.cjs";
const COMPILED = "main.compiled";

/** The text as an expression: a function of what scripts in CommonJS expect to find. @param {string} text */
const wrap = (text) => `(function (exports, require, module) {${text.replace(/^#!/, "//")}\n})`;

/** The text of a file of UTF-8. One of nothing but ASCII takes half the room, and no decoding. @param {string} filename */
const textOf = (filename) => {
  const bytes = readFileSync(filename);
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
};

/**
 * Compiles all functions of main.cjs and keeps the result for {@link runScript}.
 * @param {string} bundle directory of the bundle
 */
export function compileScript(bundle) {
  const filename = join(bundle, SCRIPT);
  setFlagsFromString("--no-lazy");
  const script = new Script(wrap(textOf(filename)), { filename });
  // The result counts only for processes that run with the flags that are set when it is taken.
  setFlagsFromString("--lazy");
  writeFileSync(join(bundle, COMPILED), script.createCachedData());
}

/**
 * Runs main.cjs in this process. What was compiled by another version of Node.js is compiled anew.
 * @param {string} bundle directory of the bundle
 * @returns {boolean} whether there is one
 */
export function runScript(bundle) {
  const filename = join(bundle, SCRIPT);
  if (!existsSync(join(bundle, COMPILED))) return false;
  const cachedData = readFileSync(join(bundle, COMPILED));
  const script = new Script(wrap(textOf(filename)), { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module);
  return true;
}
