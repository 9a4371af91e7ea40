/**
 * Why an executor came back.
 * - `budget`: all instructions asked for have retired.
 * - `interrupt`: a transfer to the monitor: an exception, or a software interrupt (INT n, INT3, INTO).
 *   `vector`, `errorCode` (-1: none), `address` (CR2 of a page fault) and `software` are set.
 * - `privileged`: an instruction for the monitor to emulate; its description is asked of the processor.
 * - `halt`: nothing to do until an event comes (HLT on a bare machine, an idle TypeScript kernel).
 * - `request`: somebody outside called `requestExit`; or a bare processor delivers one exception after another without
 *   retiring an instruction, and lets its host look around.
 * - `shutdown`: the processor cannot go on (triple fault on a bare machine).
 */
export const EXIT = { budget: 0, interrupt: 1, privileged: 2, halt: 3, request: 4, shutdown: 5 } as const;

/** One value of {@link EXIT}. */
export type ExitKind = (typeof EXIT)[keyof typeof EXIT];

/**
 * Result of a run. One record per executor, used again by every run: read it before running again, do not keep it.
 * For a fault the instruction pointer still names the faulting instruction; for a software interrupt, the one behind it.
 */
export interface Exit {
  kind: ExitKind;
  /** Instructions retired by this run (a faulting one is not, an iteration of a repeated string instruction is). */
  retired: number;
  /** Exception or interrupt vector 0-255, for `interrupt`. */
  vector: number;
  /** Error code the processor would push, or -1 when the vector has none. */
  errorCode: number;
  /** Faulting linear address for vector 14, else 0. */
  address: number;
  /** True for INT n, INT3, INTO and ICEBP: the privilege of the gate is to be checked against the CPL. */
  software: boolean;
}

/** Something that can be scheduled: a VCPU of the x86 engine, or a TypeScript kernel. */
export interface Executor {
  /**
   * Runs at most `budget` instructions (for a TypeScript kernel: charges of as many nanoseconds). Exact: with nothing in
   * the way, precisely `budget` instructions retire.
   */
  run(budget: number): Exit;
}
