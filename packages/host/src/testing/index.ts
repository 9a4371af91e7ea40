export { type AssembledHost, assembleHost } from "../create-host.ts";
