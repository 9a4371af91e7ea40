/**
 * A scheduler is a record of operations over VCPUs that it knows only by number. It holds policy; the caller dispatches,
 * keeps the time and sets timers. [XEN sched-if.h]
 */

/** A VCPU as schedulers see it: a number the caller chose, unique while admitted. */
export type VcpuId = number;

/** Points in time and durations in nanoseconds. */
export type Nanoseconds = number;

/** One parameter of a policy, described so that a tool can show, parse and change it. */
export interface ParameterSpec {
  readonly name: string;
  /** One sentence for people. */
  readonly description: string;
  /** Unit as shown: `ns`, `mcu`, `%`, or empty. */
  readonly unit: string;
  readonly kind: "number" | "boolean";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: number | boolean;
  /** With another value than the default a VCPU may be kept waiting while the processor is idle: a cap, no extra time. */
  readonly holdsBack?: boolean;
}

/** What to run next. */
export interface Decision {
  /** VCPU to run, or null: idle. */
  readonly vcpu: VcpuId | null;
  /** How long it may run before `choose` is asked again; when idle, how long to idle at most. Always above 0. */
  readonly sliceNs: Nanoseconds;
}

/** State of one VCPU for tools: numbers by name (for BVT: avt, evt, weight, warped …). */
export type VcpuReport = Readonly<Record<string, number | boolean>>;

/**
 * One policy on one physical CPU.
 *
 * The caller's duties: `admit` before anything else; a VCPU is asleep until `wake`; `sleep` when it blocks (also while it
 * runs); `choose` whenever the slice ended, the running VCPU blocked, or the time that `wake` returned has come.
 */
export interface Scheduler<Parameters extends object = Record<string, number | boolean>> {
  /** Short name: `bvt`, `credit` … */
  readonly name: string;
  /** Parameters of a VCPU. */
  readonly parameters: readonly ParameterSpec[];
  /** Adds a sleeping VCPU. @throws HostError when the number is in use or a parameter is out of range. */
  admit(vcpu: VcpuId, parameters: Partial<Parameters>): void;
  /** Takes a VCPU out, whatever its state. */
  remove(vcpu: VcpuId): void;
  /** The VCPU is not runnable any more. Time it ran is charged by the next `choose`. */
  sleep(vcpu: VcpuId, now: Nanoseconds): void;
  /**
   * The VCPU is runnable.
   * @returns when to call `choose` again because of it: `now` to preempt at once, later, or Infinity when nothing changes.
   */
  wake(vcpu: VcpuId, now: Nanoseconds): Nanoseconds;
  /** Changes parameters of an admitted VCPU, from now on. @returns a sentence when a value is refused, else null. */
  adjust(vcpu: VcpuId, parameters: Partial<Parameters>): string | null;
  /** Parameters a VCPU has now. */
  parametersOf(vcpu: VcpuId): Readonly<Parameters>;
  /**
   * Charges the VCPU that ran last for `ranNs` and chooses the next one.
   * @param ranNs - time since the last `choose` during which the chosen VCPU ran; 0 when idle.
   */
  choose(now: Nanoseconds, ranNs: Nanoseconds): Decision;
  /** State of a VCPU for tools and traces. */
  report(vcpu: VcpuId): VcpuReport;
}
