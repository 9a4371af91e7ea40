/** Gives each of many clients its turn, a bounded piece of work at a time. */
export interface Turns<Client> {
  /** The client may have something to do. Cheap, and harmless when repeated. */
  wake(client: Client): void;
}

/** How turns are given. */
export interface TurnOptions<Client> {
  /** Most units of work of one client before the next has its turn. */
  readonly perTurn: number;
  /** Most units of work before everything else in the domain has its turn. */
  readonly perDispatch: number;
  /** Runs a function soon, after what is running now. */
  readonly later: (run: () => void) => void;
  /** Works for one client. @returns units of work done; `limit` when there may be more. */
  readonly serve: (client: Client, limit: number) => number;
}

/** Makes a queue of clients that are served in turn. */
export const createTurns = <Client>(options: TurnOptions<Client>): Turns<Client> => {
  const waiting = new Set<Client>();
  let scheduled = false;

  const schedule = (): void => {
    if (scheduled || waiting.size === 0) return;
    scheduled = true;
    options.later(dispatch);
  };
  const dispatch = (): void => {
    scheduled = false;
    let left = options.perDispatch;
    for (const client of waiting) {
      // A set gives its members in the order in which they were added; one that is added again comes last.
      waiting.delete(client);
      const limit = Math.min(options.perTurn, left);
      const served = options.serve(client, limit);
      // A turn without work counts too: nobody can spin by being woken again and again.
      left -= Math.max(served, 1);
      if (served >= limit) waiting.add(client);
      if (left <= 0) break;
    }
    schedule();
  };

  return {
    wake: (client) => {
      waiting.add(client);
      schedule();
    },
  };
};
