export { openDisk } from "./open-disk.ts";
export { createNodeHost, type NodeHostOptions } from "./preset.ts";
