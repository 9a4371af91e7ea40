/**
 * Functions that an interpreter consists of. `common` runs: whatever else an instruction needs, it calls another part, which goes
 * on as long as the handlers are its own.
 *
 * Compilers keep what every instruction needs (record, lazy flags) in registers of the host when a function calls next to
 * nothing, holds no vector or floating-point constants and stays below some 300 handlers: V8 allocates registers less well
 * beyond 16,384 values. So common handlers are only those that most programs spend their time in.
 *
 * A part is generated when code has first needed one of its handlers. So `general` and `vector` are what kernels and their first
 * programs need, and `rare` and `float` (arithmetic of SSE) what is left of integer and vector instructions.
 */
export const PART = { common: 0, general: 1, system: 2, x87: 3, vector: 4, float: 5, rare: 6 } as const;

/** One of {@link PART}. */
export type Part = (typeof PART)[keyof typeof PART];

/** How many parts there are. */
export const PART_COUNT = 7;
