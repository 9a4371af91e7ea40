import { describe, expect, it } from "vitest";
import { createTurns, type Participant } from "../../src/turns.ts";

const bench = (): {
  turns: ReturnType<typeof createTurns>;
  served: string[];
  worker: (name: string, work: number) => Participant;
  deferred: (() => void)[];
} => {
  const served: string[] = [];
  const deferred: (() => void)[] = [];
  const turns = createTurns({ requestsPerTurn: 2, requestsPerDispatch: 6 }, (run) => deferred.push(run));
  const worker = (name: string, work: number): Participant => {
    let left = work;
    return {
      serve: (limit) => {
        const count = Math.min(limit, left);
        left -= count;
        served.push(`${name}${count}`);
        return count;
      },
    };
  };
  return { turns, served, worker, deferred };
};

describe("turns", () => {
  it("go round: a busy participant does not keep a quiet one waiting", () => {
    const { turns, served, worker } = bench();
    turns.wake(worker("busy", 100));
    turns.wake(worker("quiet", 1));
    turns.run();
    expect(served).toEqual(["busy2", "quiet1", "busy2", "busy1"]);
  });

  it("end after the work of one dispatch; the rest is done later, in order", () => {
    const { turns, served, worker, deferred } = bench();
    for (const name of ["a", "b", "c", "d"]) turns.wake(worker(name, 3));
    turns.run();
    expect(served).toEqual(["a2", "b2", "c2"]);
    deferred.shift()?.();
    expect(served.slice(3)).toEqual(["d2", "a1", "b1", "c1", "d1"]);
    deferred.shift()?.();
    expect(deferred).toEqual([]);
  });

  it("are arranged once, however often somebody is woken", () => {
    const { turns, worker, deferred } = bench();
    const participant = worker("a", 1);
    turns.wake(participant);
    turns.wake(participant);
    turns.wake(worker("b", 1));
    expect(deferred).toHaveLength(1);
  });

  it("cannot be spun on: a participant that wakes itself without work ends the dispatch", () => {
    const { turns, deferred } = bench();
    let calls = 0;
    const restless: Participant = {
      serve: () => {
        calls++;
        turns.wake(restless);
        return 0;
      },
    };
    turns.wake(restless);
    turns.run();
    expect(calls).toBe(6);
    expect(deferred.length).toBeGreaterThan(0);
  });

  it("are not given to somebody who was removed", () => {
    const { turns, served, worker } = bench();
    const participant = worker("a", 1);
    turns.wake(participant);
    turns.remove(participant);
    turns.run();
    expect(served).toEqual([]);
  });
});
