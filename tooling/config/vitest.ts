/** Resolve conditions under which a workspace package is its own source: nothing has to be built for a test. */
export const conditions: string[] = ["@xenolith/source", "module", "node", "development|production"];
