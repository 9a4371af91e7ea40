interface Entry {
  readonly deadlineNs: number;
  readonly run: () => void;
}

/** A kernel's pending alarms, in order of deadline; equal deadlines in the order in which they were set. */
export class TimerList {
  private readonly entries: Entry[] = [];

  /** Adds an alarm. @returns a function that takes it out again. */
  add(deadlineNs: number, run: () => void): () => void {
    const entry: Entry = { deadlineNs, run };
    let at = this.entries.length;
    while (at > 0 && (this.entries[at - 1]?.deadlineNs ?? 0) > deadlineNs) at--;
    this.entries.splice(at, 0, entry);
    return () => {
      const index = this.entries.indexOf(entry);
      if (index >= 0) this.entries.splice(index, 1);
    };
  }

  /** Earliest deadline, or null. */
  next(): number | null {
    return this.entries[0]?.deadlineNs ?? null;
  }

  /** Takes the first alarm that is due, or null. */
  takeDue(nowNs: number): (() => void) | null {
    const first = this.entries[0];
    if (first === undefined || first.deadlineNs > nowNs) return null;
    this.entries.shift();
    return first.run;
  }
}
