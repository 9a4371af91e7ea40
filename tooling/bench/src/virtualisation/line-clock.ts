const NEWLINE = 0x0a;
const MICROSECONDS_PER_MS = 1000;

/** A repetition of a kernel that has come to its end. */
export interface Repetition {
  readonly kernel: string;
  readonly ms: number;
  readonly checksum: string;
}

/**
 * Reads the lines of a yardstick byte by byte, and takes the time between `S …` and `E kernel repetition checksum …`: processor time
 * of the process, and only while the one who writes them runs.
 */
export class LineClock {
  readonly repetitions: Repetition[] = [];
  /** The line that is under way. */
  text = "";
  #goneMs = 0;
  #wentAtMs = 0;
  #startedMs = Number.NaN;

  #processMs(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / MICROSECONDS_PER_MS;
  }

  /** From now on the time counts. */
  go(): void {
    this.#wentAtMs = this.#processMs();
  }

  /** The other one's turn. */
  stop(): void {
    this.#goneMs += this.#processMs() - this.#wentAtMs;
  }

  /** Takes the next byte. Only between {@link go} and {@link stop}, or before the first line. */
  take(byte: number): void {
    if (byte !== NEWLINE) {
      this.text += String.fromCharCode(byte);
      return;
    }
    const nowMs = this.#goneMs + this.#processMs() - this.#wentAtMs;
    const [kind, kernel = "", , checksum = ""] = this.text.trim().split(" ");
    this.text = "";
    if (kind === "S") this.#startedMs = nowMs;
    if (kind === "E") this.repetitions.push({ kernel, ms: nowMs - this.#startedMs, checksum });
  }
}
