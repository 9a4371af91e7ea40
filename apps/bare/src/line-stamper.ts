const NEWLINE = 0x0a;
const SPACE = 0x20;
const MARKS: ReadonlySet<number> = new Set([0x53, 0x45]);

/**
 * Passes serial output on, and appends ` t=MILLISECONDS` to each line that begins with `S ` or `E `: the time at which its
 * newline was sent.
 */
export class LineStamper {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #nowMs: () => number;
  /** Bytes of the line so far that have not been passed on: a marked line waits for its end. */
  readonly #line: number[] = [];
  #length = 0;

  constructor(write: (bytes: Uint8Array) => void, nowMs: () => number) {
    this.#write = write;
    this.#nowMs = nowMs;
  }

  /** Takes one byte. */
  send(byte: number): void {
    if (byte === NEWLINE) {
      this.#endLine();
      return;
    }
    this.#line.push(byte);
    this.#length++;
    // Two bytes decide whether a line is marked; what is not goes on at once.
    if (this.#length >= 2 && !this.#isMarked()) this.#flush();
  }

  /** Passes on what is left of the last line. */
  end(): void {
    this.#flush();
  }

  #isMarked(): boolean {
    return this.#line.length === this.#length && MARKS.has(this.#line[0] ?? 0) && this.#line[1] === SPACE;
  }

  #endLine(): void {
    if (this.#length >= 2 && this.#isMarked()) {
      const stamp = ` t=${this.#nowMs().toFixed(4)}`;
      for (const character of stamp) this.#line.push(character.charCodeAt(0));
    }
    this.#line.push(NEWLINE);
    this.#flush();
    this.#length = 0;
  }

  #flush(): void {
    if (this.#line.length === 0) return;
    this.#write(Uint8Array.from(this.#line));
    this.#line.length = 0;
  }
}
