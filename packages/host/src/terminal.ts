import { type ByteStream, createStreamPair } from "@xenolith/backend-interface";
import { HostError, type TimerQueue, toNanoseconds } from "@xenolith/machine-interface";
import type { DomainConsole } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";

/** A person's or a program's end of a domain's console. */
export interface Terminal {
  /** Sets what is called with the domain's output, at once with what no terminal has seen. The bytes are the listener's to keep. */
  onOutput(listener: (bytes: Uint8Array) => void): void;
  /** Types bytes as they are, now. */
  type(bytes: Uint8Array): void;
  /**
   * Types a text under virtual time, where nothing says when a person would have typed it: one line is released when the
   * domain has taken all input before it and 10 virtual ms have passed without output, or a second with.
   */
  typeLines(bytes: Uint8Array): void;
  /** Whether all that was typed has been taken by the domain. */
  readonly drained: boolean;
  /**
   * Goes on at the console of another domain, one made in place of this one: what was not typed yet is typed there.
   * @throws HostError when it has no console.
   */
  moveTo(domain: DomId): void;
  close(): void;
}

const LINE_PAUSE_NS = 10_000_000;
/** A domain that never stops writing gets its next line after this long. */
const LONGEST_PAUSE_NS = 1_000_000_000;
const LINE_FEED = 0x0a;

const splitLines = (bytes: Uint8Array): Uint8Array[] => {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed + 1;
    lines.push(bytes.slice(start, end));
    start = end;
  }
  return lines;
};

/** What a terminal needs. */
export interface TerminalOptions {
  readonly domain: DomId;
  readonly consoleOf: (domain: DomId) => DomainConsole | null;
  readonly timers: TimerQueue;
  readonly now: () => number;
  /** Called after input has come from outside: an idle host has something to do. */
  readonly onInput: () => void;
}

/** Connects a terminal to a domain's console, in place of the one there was. @throws HostError when it has no console. */
export const openTerminal = ({ domain, consoleOf, timers, now, onInput }: TerminalOptions): Terminal => {
  const find = (wanted: DomId): DomainConsole => {
    const found = consoleOf(wanted);
    if (found === null) throw new HostError("no-console", `domain ${wanted} has no console`);
    return found;
  };
  let console = find(domain);
  const [inner, outer]: [ByteStream, ByteStream] = createStreamPair();
  const lines: Uint8Array[] = [];
  let typed: Uint8Array[] = [];
  let listener: ((bytes: Uint8Array) => void) | null = null;
  const chunk = new Uint8Array(65_536);
  let isPassing = false;
  let outputAtNs = now();
  let releasedAtNs = now();

  const passOutput = (): void => {
    if (listener === null) return;
    for (let count = outer.read(chunk); count > 0; count = outer.read(chunk)) {
      outputAtNs = now();
      listener(chunk.slice(0, count));
    }
  };
  const passInput = (): void => {
    // The console answers from within a write; what it makes room for is passed on by the call under way.
    if (isPassing) return;
    isPassing = true;
    passAllInput();
    isPassing = false;
  };
  const passAllInput = (): void => {
    for (let first = typed[0]; first !== undefined; first = typed[0]) {
      const taken = outer.write(first);
      if (taken < first.length) {
        typed[0] = first.subarray(taken);
        return;
      }
      typed.shift();
    }
  };
  outer.onActivity(() => {
    passOutput();
    passInput();
  });
  console.attach(inner);

  const isDrained = (): boolean => typed.length === 0 && console.unreadInputBytes === 0;
  const releaseAt = (atNs: number): void => {
    timers.at(toNanoseconds(atNs), () => {
      const isQuiet = now() >= outputAtNs + LINE_PAUSE_NS || now() >= releasedAtNs + LONGEST_PAUSE_NS;
      const line = isDrained() && isQuiet ? lines.shift() : undefined;
      if (line !== undefined) {
        releasedAtNs = now();
        typed.push(line);
        passInput();
      }
      if (lines.length > 0 && !outer.closed) releaseAt(now() + LINE_PAUSE_NS);
    });
  };

  return {
    onOutput: (next) => {
      listener = next;
      passOutput();
    },
    type: (bytes) => {
      typed.push(bytes.slice());
      passInput();
      onInput();
    },
    typeLines: (bytes) => {
      const isIdle = lines.length === 0;
      lines.push(...splitLines(bytes));
      if (isIdle && lines.length > 0) releaseAt(now() + LINE_PAUSE_NS);
      onInput();
    },
    get drained() {
      return lines.length === 0 && isDrained();
    },
    moveTo: (next) => {
      const found = find(next);
      console.attach(null);
      console = found;
      console.attach(inner);
    },
    close: () => {
      typed = [];
      lines.length = 0;
      outer.close();
      console.attach(null);
    },
  };
};
