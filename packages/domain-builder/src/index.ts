export { type BuildRequest, type BuiltDomain, buildDomain } from "./build.ts";
export { type GuestNotes, readGuestNotes } from "./guest-notes.ts";
export { type KernelImage, type KernelPart, readKernelImage } from "./kernel-image.ts";
export type { BuildProblem } from "./problem.ts";
export { unpackKernel } from "./unpack/unpack.ts";
