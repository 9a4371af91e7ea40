import type { ByteStream } from "@xenolith/backend-interface";
import { createTimerQueue } from "@xenolith/machine";
import { toNanoseconds } from "@xenolith/machine-interface";
import type { DomainConsole } from "@xenolith/toolstack";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { openTerminal } from "../../src/terminal.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** A console whose domain takes input when the test says. */
const setUp = () => {
  const timers = createTimerQueue();
  let stream: ByteStream | null = null;
  let unread = 0;
  let now = 0;
  const console: DomainConsole = {
    attach: (next) => {
      stream = next;
    },
    tail: () => new Uint8Array(0),
    get unreadInputBytes() {
      return unread;
    },
  };
  const terminal = openTerminal({
    domain: toDomId(1),
    consoleOf: () => console,
    timers,
    now: () => now,
    onInput: () => {},
  });
  return {
    terminal,
    say: (line: string) => stream?.write(bytes(line)),
    /** What arrived in the ring since. */
    arrived: (): string => {
      const into = new Uint8Array(1000);
      const count = stream?.read(into) ?? 0;
      unread += count;
      return text(into.subarray(0, count));
    },
    take: () => {
      unread = 0;
    },
    pass: (durationNs: number) => {
      now += durationNs;
      timers.runDue(toNanoseconds(now));
    },
  };
};

describe("terminal", () => {
  it("gives output at once, also what came before anybody listened", () => {
    const { terminal, say } = setUp();
    const seen: string[] = [];
    say("early ");
    terminal.onOutput((output) => seen.push(text(output)));
    say("late");
    expect(seen.join("")).toBe("early late");
  });

  it("releases one line when the ring is drained and 10 virtual ms have passed", () => {
    const { terminal, arrived, take, pass } = setUp();
    terminal.typeLines(bytes("first\nsecond\nthird"));
    expect(arrived()).toBe("");
    pass(9_999_999);
    expect(arrived()).toBe("");
    pass(1);
    expect(arrived()).toBe("first\n");
    pass(50_000_000);
    expect(arrived()).toBe("");
    take();
    pass(10_000_000);
    expect(arrived()).toBe("second\n");
    take();
    pass(10_000_000);
    expect([arrived(), terminal.drained]).toEqual(["third", false]);
    take();
    expect(terminal.drained).toBe(true);
  });

  it("waits while the domain is still writing, but not for ever", () => {
    const { terminal, arrived, say, take, pass } = setUp();
    terminal.onOutput(() => {});
    terminal.typeLines(bytes("next\n"));
    for (let step = 0; step < 90; step++) {
      say("more");
      pass(10_000_000 - 1);
      expect(arrived()).toBe("");
    }
    pass(10_000_000);
    pass(10_000_000);
    expect(arrived()).toBe("next\n");
    take();
    terminal.typeLines(bytes("last\n"));
    let seen = "";
    for (let step = 0; step < 110; step++) {
      say("more");
      pass(10_000_000 - 1);
      seen += arrived();
    }
    expect(seen).toBe("last\n");
  });

  it("types each line once, also to a console that answers from within the write", () => {
    const timers = createTimerQueue();
    let stream: ByteStream | null = null;
    let arrived = "";
    const into = new Uint8Array(100);
    const echo: DomainConsole = {
      attach: (next) => {
        stream = next;
        stream?.onActivity(() => {
          arrived += text(into.subarray(0, stream?.read(into) ?? 0));
          stream?.write(bytes("answer"));
        });
      },
      tail: () => new Uint8Array(0),
      unreadInputBytes: 0,
    };
    const terminal = openTerminal({
      domain: toDomId(1),
      consoleOf: () => echo,
      timers,
      now: () => 0,
      onInput: () => {},
    });
    terminal.onOutput(() => {});
    terminal.type(bytes("once"));
    expect(arrived).toBe("once");
  });

  it("goes on at another domain's console, with what has not been typed yet", () => {
    const timers = createTimerQueue();
    const streams = new Map<number, ByteStream | null>();
    const consoleOf = (domain: number): DomainConsole | null =>
      domain > 2
        ? null
        : {
            attach: (next) => streams.set(domain, next),
            tail: () => new Uint8Array(0),
            unreadInputBytes: 0,
          };
    let now = 0;
    const terminal = openTerminal({
      domain: toDomId(1),
      consoleOf,
      timers,
      now: () => now,
      onInput: () => {},
    });
    const pass = (): void => {
      now += 10_000_000;
      timers.runDue(toNanoseconds(now));
    };
    const arrivedAt = (domain: number): string => {
      const into = new Uint8Array(100);
      return text(into.subarray(0, streams.get(domain)?.read(into) ?? 0));
    };
    let seen = "";
    terminal.onOutput((output) => {
      seen += text(output);
    });
    terminal.typeLines(bytes("one\ntwo\n"));
    pass();
    streams.get(1)?.write(bytes("from one, "));
    expect(arrivedAt(1)).toBe("one\n");
    terminal.moveTo(toDomId(2));
    expect(streams.get(1)).toBeNull();
    pass();
    streams.get(2)?.write(bytes("from two"));
    expect([arrivedAt(2), seen]).toEqual(["two\n", "from one, from two"]);
    expect(() => terminal.moveTo(toDomId(3))).toThrow(/no console/);
  });

  it("types everything, also more than the stream holds", () => {
    const { terminal, arrived, take } = setUp();
    terminal.type(new Uint8Array(200_000).fill(0x78));
    let count = 0;
    for (let step = 0; step < 1000 && count < 200_000; step++) {
      count += arrived().length;
      take();
    }
    expect(count).toBe(200_000);
  });
});
