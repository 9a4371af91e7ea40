export { openDisk } from "./open-disk.ts";
export { preferMainThread } from "./prefer-main-thread.ts";
export { createNodeHost, type NodeHostOptions } from "./preset.ts";
export { openTranslationArchive, type TranslationFiles } from "./translation-archive.ts";
