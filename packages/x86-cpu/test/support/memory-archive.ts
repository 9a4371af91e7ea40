import type { ArchivedModule, TranslationArchive } from "../../src/index.ts";

/** An archive in memory. What it gives is a copy, as if it had been written and read. */
export interface MemoryArchive extends TranslationArchive {
  readonly modules: ArchivedModule[];
  /** Environments that it was opened for. */
  readonly environments: string[];
  /** How many modules were put to use. */
  readonly useCount: number;
}

/** Makes an archive that any number of engines may open. */
export const createMemoryArchive = (): MemoryArchive => {
  const modules: ArchivedModule[] = [];
  const environments: string[] = [];
  let useCount = 0;
  return {
    modules,
    environments,
    get useCount() {
      return useCount;
    },
    open: (environment) => {
      environments.push(environment);
      return modules.map((module) => {
        const { bytes, ...rest } = structuredClone(module);
        return {
          ...rest,
          get bytes() {
            useCount += 1;
            return bytes;
          },
        };
      });
    },
    keep: (module) => {
      modules.push(structuredClone(module));
    },
  };
};
