import { type Mfn, type Nanoseconds, toMfn, toNanoseconds } from "../addresses.ts";
import { FRAME_WATCH, type MachineMemory } from "../memory.ts";
import type { Clock, EntropySource, TimerQueue } from "../time.ts";

/** One sentence of a contract, and a check of it against a fresh subject. The check throws when the law is broken. */
export interface Law<Subject> {
  readonly name: string;
  readonly check: (subject: Subject) => void;
}

const expectEqual = (actual: unknown, expected: unknown): void => {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
};

const expectThrow = (action: () => void): void => {
  try {
    action();
  } catch {
    return;
  }
  throw new Error("expected an exception");
};

/** Laws of every {@link MachineMemory} with at least four frames. */
export const MEMORY_LAWS: readonly Law<MachineMemory>[] = [
  {
    name: "bytes, view and words show the same little-endian memory",
    check(memory): void {
      memory.view.setUint32(8, 0x0403_0201, true);
      expectEqual([...memory.bytes.subarray(8, 12)], [1, 2, 3, 4]);
      expectEqual(memory.words[2], 0x0403_0201);
      expectEqual(memory.bytes.buffer === memory.memory.buffer, true);
    },
  },
  {
    name: "reserved areas lie above RAM and the watch table, aligned to 64, zeroed and apart",
    check(memory): void {
      const first = memory.reserve(65);
      const second = memory.reserve(1);
      expectEqual(first >= memory.watchTableOffset + memory.frameCount, true);
      expectEqual([first % 64, second % 64, second >= first + 65], [0, 0, true]);
      expectEqual(
        memory.bytes.subarray(first, first + 65).every((byte) => byte === 0),
        true,
      );
    },
  },
  {
    name: "a reserve that does not fit throws",
    check: (memory): void => expectThrow(() => memory.reserve(2 ** 32)),
  },
  {
    name: "a store is told only to the listeners of the frame's flags, in the order they were added",
    check(memory): void {
      const heard: unknown[] = [];
      memory.onWrite(FRAME_WATCH.hook, (...store) => heard.push(["hook", ...store]));
      memory.onWrite(FRAME_WATCH.code, (...store) => heard.push(["code", ...store]));
      memory.onWrite(FRAME_WATCH.dirtyLog, (...store) => heard.push(["dirtyLog", ...store]));
      memory.written(toMfn(1), 0, 4);
      memory.watch(toMfn(1), FRAME_WATCH.code | FRAME_WATCH.hook);
      memory.written(toMfn(1), 16, 4);
      memory.written(toMfn(2), 0, 4);
      memory.unwatch(toMfn(1), FRAME_WATCH.hook);
      memory.written(toMfn(1), 20, 1);
      expectEqual(heard, [
        ["hook", 1, 16, 4],
        ["code", 1, 16, 4],
        ["code", 1, 20, 1],
      ]);
    },
  },
  {
    name: "the watch byte in memory carries the flags, and watchers hear of new flags only",
    check(memory): void {
      const heard: Mfn[] = [];
      memory.onWatch((frame) => heard.push(frame));
      memory.watch(toMfn(3), FRAME_WATCH.code);
      memory.watch(toMfn(3), FRAME_WATCH.code);
      memory.watch(toMfn(3), FRAME_WATCH.dirtyLog);
      expectEqual(heard, [3, 3]);
      expectEqual(memory.bytes[memory.watchTableOffset + 3], FRAME_WATCH.code | FRAME_WATCH.dirtyLog);
    },
  },
  {
    name: "a frame that does not exist cannot be watched",
    check: (memory): void => expectThrow(() => memory.watch(toMfn(memory.frameCount), FRAME_WATCH.code)),
  },
];

/** Laws of every {@link Clock} in virtual mode. */
export const VIRTUAL_CLOCK_LAWS: readonly Law<Clock>[] = [
  {
    name: "time starts at 0 and moves by what is advanced",
    check(clock): void {
      expectEqual(clock.now(), 0);
      clock.advance(toNanoseconds(5));
      clock.advance(toNanoseconds(7));
      expectEqual(clock.now(), 12);
    },
  },
  {
    name: "skipTo jumps forwards, never back",
    check(clock): void {
      clock.skipTo(toNanoseconds(100));
      expectEqual(clock.now(), 100);
      clock.skipTo(toNanoseconds(50));
      expectEqual(clock.now(), 100);
    },
  },
];

/** Laws of every {@link TimerQueue}. */
export const TIMER_QUEUE_LAWS: readonly Law<TimerQueue>[] = [
  {
    name: "timers fire in the order of their deadlines, equal ones in the order they were armed",
    check(queue): void {
      const fired: string[] = [];
      for (const [name, deadline] of [
        ["c", 9],
        ["a", 3],
        ["b", 3],
        ["d", 10],
      ] as const) {
        queue.at(toNanoseconds(deadline), () => fired.push(name));
      }
      expectEqual(queue.next(), 3);
      expectEqual(queue.runDue(toNanoseconds(9)), 3);
      expectEqual(fired, ["a", "b", "c"]);
      expectEqual(queue.next(), 10);
    },
  },
  {
    name: "a cancelled timer does not fire, and cancelling it again or after it fired is harmless",
    check(queue): void {
      const fired: string[] = [];
      const kept = queue.at(toNanoseconds(1), () => fired.push("kept"));
      const cancelled = queue.at(toNanoseconds(1), () => fired.push("cancelled"));
      cancelled.cancel();
      cancelled.cancel();
      queue.runDue(toNanoseconds(1));
      kept.cancel();
      expectEqual([fired, queue.next()], [["kept"], null]);
    },
  },
  {
    name: "a handler may arm a timer that is due in the same run, and is told the time of the run",
    check(queue): void {
      const times: Nanoseconds[] = [];
      queue.at(toNanoseconds(1), (now) => {
        times.push(now);
        queue.at(toNanoseconds(2), (later) => times.push(later));
        queue.at(toNanoseconds(3), (later) => times.push(later));
      });
      expectEqual(queue.runDue(toNanoseconds(2)), 2);
      expectEqual(times, [2, 2]);
    },
  },
];

/** Laws of every {@link EntropySource}, checked on a maker so that streams can be repeated. */
export const ENTROPY_LAWS: readonly Law<() => EntropySource>[] = [
  {
    name: "the same seed gives the same stream",
    check(make): void {
      const [a, b] = [make(), make()];
      for (let i = 0; i < 100; i++) expectEqual(a.next32(), b.next32());
    },
  },
  {
    name: "a fork does not depend on what was drawn, and differs by name",
    check(make): void {
      const [a, b] = [make(), make()];
      for (let i = 0; i < 10; i++) a.next32();
      const drawn = a.fork("disk").next32();
      expectEqual(drawn, b.fork("disk").next32());
      expectEqual(drawn === b.fork("net").next32(), false);
      expectEqual(a.fork("a").fork("b").next32() === a.fork("b").fork("a").next32(), false);
    },
  },
  {
    name: "numbers are unsigned 32-bit, and below() stays below its bound and reaches all of it",
    check(make): void {
      const source = make();
      const seen = new Set<number>();
      for (let i = 0; i < 500; i++) {
        const word = source.next32();
        expectEqual(Number.isInteger(word) && word >= 0 && word < 2 ** 32, true);
        seen.add(source.below(7));
      }
      expectEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6]);
    },
  },
];
