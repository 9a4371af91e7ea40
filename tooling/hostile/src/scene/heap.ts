import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What the process holds, in bytes. */
export interface MemoryUse {
  /** On the heap, after the collector has run. */
  readonly heapBytes: number;
  /** Resident, as the operating system counts it. */
  readonly residentBytes: number;
}

/** Runs the collector and looks. */
export const memoryUse = (): MemoryUse => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, residentBytes: rss };
};
