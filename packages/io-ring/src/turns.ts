/** Somebody with requests to serve. */
export interface Participant {
  /**
   * Serves at most `limit` requests.
   * @returns how many; as many as `limit` means that there may be more.
   */
  serve(limit: number): number;
}

/** How much is done at a time. */
export interface TurnLimits {
  /** Requests of one participant before the next one's turn. */
  readonly requestsPerTurn: number;
  /** Requests in all before the domain looks at its other work. */
  readonly requestsPerDispatch: number;
}

/** Lets participants serve in turn, a bounded amount each. */
export interface Turns {
  /** This participant may have requests: it gets a turn, soon. */
  wake(participant: Participant): void;
  /** Serves now, within the limits. What is left over is served later. */
  run(): void;
  /** It gets no more turns until it is woken again. */
  remove(participant: Participant): void;
}

/** Makes an empty round. `defer` arranges for a function to run after the domain's other work, and not at once. */
export const createTurns = (limits: TurnLimits, defer: (run: () => void) => void): Turns => {
  // A set keeps the order in which its members came.
  const waiting = new Set<Participant>();
  let running = false;
  let deferred = false;

  const arrange = (): void => {
    if (running || deferred || waiting.size === 0) return;
    deferred = true;
    defer(() => {
      deferred = false;
      run();
    });
  };
  const run = (): void => {
    if (running) return;
    running = true;
    for (let left = limits.requestsPerDispatch; left > 0; ) {
      const [next] = waiting;
      if (next === undefined) break;
      waiting.delete(next);
      const limit = Math.min(limits.requestsPerTurn, left);
      const served = next.serve(limit);
      // A turn without a request costs as much as one with: nobody can spin.
      left -= Math.max(served, 1);
      if (served >= limit) waiting.add(next);
    }
    running = false;
    arrange();
  };

  return {
    wake: (participant) => {
      waiting.add(participant);
      arrange();
    },
    run,
    remove: (participant) => {
      waiting.delete(participant);
    },
  };
};
