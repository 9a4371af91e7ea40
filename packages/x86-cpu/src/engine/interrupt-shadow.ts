import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { RunBudget } from "./run-budget.ts";

/** `STATE.shadowMark`: there is none. */
const NO_MARK = -1;
/** No shadow. */
const NEVER = -1;

/**
 * The instruction after STI or a load of SS, for which interrupts are held off. It is known by how many instructions had
 * retired when it came next. [SDM2B-4.3 "STI"]
 */
export class InterruptShadow {
  readonly #state: VcpuState;
  readonly #budget: RunBudget;
  /** Instructions retired when the shadow began. */
  #at = NEVER;

  constructor(state: VcpuState, budget: RunBudget) {
    this.#state = state;
    this.#budget = budget;
  }

  #retired(): number {
    return this.#budget.retired(this.#state.i32(STATE.budget));
  }

  /** Whether it holds for the instruction that comes. */
  get isHere(): boolean {
    return this.#beganAt(this.#retired());
  }

  #beganAt(retired: number): boolean {
    this.#takeMark();
    return this.#at >= 0 && this.#at === retired;
  }

  /** Takes over a shadow that generated code has begun in the present slice. */
  #takeMark(): void {
    const mark = this.#state.i32(STATE.shadowMark);
    if (mark === NO_MARK) return;
    this.#at = this.#budget.retired(mark);
    this.#state.setU32(STATE.shadowMark, NO_MARK);
  }

  /** Begins or ends it, as `isHere` says. */
  set(isHere: boolean): void {
    this.#at = isHere ? this.#retired() : NEVER;
  }

  /** Lets generated code know that the slice of `slice` instructions that it is given begins in a shadow. */
  mark(slice: number): void {
    this.#state.setU32(STATE.shadowMark, slice);
  }

  /** Begins one behind an instruction that has just retired, unless that was in a shadow itself. */
  begin(): void {
    const retired = this.#retired();
    if (!this.#beganAt(retired - 1)) this.#at = retired;
  }
}
