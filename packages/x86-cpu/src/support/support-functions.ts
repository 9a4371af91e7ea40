import type { SupportFunction } from "./support-function.ts";

/** Every support function there is. Generated code imports those it calls. */
export const SUPPORT_FUNCTIONS: readonly SupportFunction[] = [];
