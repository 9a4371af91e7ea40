export { openRawFile, type RawFileOptions } from "./raw-file-store.ts";
