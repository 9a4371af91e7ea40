import type { HypercallContext } from "../../hypercalls/context.ts";

/** A long operation stops here and is to be made again from this extent on. */
export interface Resume {
  readonly resumeAt: number;
}

/**
 * One sub-operation of memory_op. `at` is the guest address of its argument, `start` the extent from which a preempted call
 * goes on. @returns what the guest sees, or where to go on
 */
export type MemoryOperation = (call: HypercallContext, at: number, start: number) => number | Resume;
