/**
 * A transfer that the engine may do on the monitor's behalf, without an exit: the monitor says how the frame looks and
 * where it goes. Any fault on the way leaves everything as it was and exits as if there were no gate; so does an event that waits
 * and is not held back. In IA-32e mode none is taken. The stack is the kernel's own, which the engine knows and may change.
 *
 * `hardware` frames are those of an interrupt gate of the processor: [esp, ss when the privilege changes] eflags cs eip,
 * as in the paper's fast system-call gate from ring 3 straight to ring 1. [SOSP03 3.1] [SDM3A-6.12.1]
 */
export interface DirectGate {
  /** Vector of the INT n that uses the gate, 0-255. */
  readonly vector: number;
  /** Only code at this privilege uses it: 3. Others exit. */
  readonly fromPrivilege: 3;
  readonly frame: "hardware";
  /** Code selector loaded; its RPL is the new CPL (1, or 3 on x86_64). */
  readonly codeSelector: number;
  /** Instruction pointer loaded. */
  readonly target: number;
}
