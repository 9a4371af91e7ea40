import { describe, expect, it } from "vitest";
import { createTurns } from "../../src/turns.ts";

/** Clients with a number of units of work each; dispatches run one by one. */
const createScene = (work: Record<string, number>, perTurn: number, perDispatch: number) => {
  const pending: (() => void)[] = [];
  const log: string[] = [];
  const turns = createTurns<string>({
    perTurn,
    perDispatch,
    later: (run) => pending.push(run),
    serve: (client, limit) => {
      const done = Math.min(limit, work[client] ?? 0);
      work[client] = (work[client] ?? 0) - done;
      log.push(`${client}${done}`);
      return done;
    },
  });
  const dispatch = (): string[] => {
    log.length = 0;
    pending.shift()?.();
    return [...log];
  };
  return { turns, dispatch, pending };
};

describe("turns", () => {
  it("give a client a bounded piece of work before the next, and go round", () => {
    const { turns, dispatch } = createScene({ a: 10, b: 3, c: 5 }, 4, 100);
    for (const client of ["a", "b", "c"]) turns.wake(client);
    expect(dispatch()).toEqual(["a4", "b3", "c4", "a4", "c1", "a2"]);
  });

  it("stop after a bounded number of units, and go on later where they were", () => {
    const { turns, dispatch } = createScene({ a: 6, b: 6 }, 4, 6);
    turns.wake("a");
    turns.wake("b");
    expect(dispatch()).toEqual(["a4", "b2"]);
    expect(dispatch()).toEqual(["a2", "b4"]);
  });

  it("are asked for once, however often a client is woken", () => {
    const { turns, pending } = createScene({ a: 1 }, 4, 4);
    for (let index = 0; index < 5; index++) turns.wake("a");
    expect(pending).toHaveLength(1);
  });

  it("cannot be spun on by a client that is woken without having work", () => {
    const pending: (() => void)[] = [];
    let served = 0;
    const turns = createTurns<string>({
      perTurn: 4,
      perDispatch: 6,
      later: (run) => pending.push(run),
      serve: (client) => {
        served++;
        turns.wake(client);
        return 0;
      },
    });
    turns.wake("a");
    pending.shift()?.();
    expect(served).toBe(6);
    expect(pending).toHaveLength(1);
  });
});
