import type { Options } from "tsup";

/** Options of the package in whose directory tsup was started, derived from its manifest's `exports` and `bin`. */
declare const options: Options | Options[];
export default options;
