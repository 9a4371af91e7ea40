/**
 * Real work that virtual time must wait for: a request whose modelled completion has come before the real one. While any is
 * open the host does not go on.
 */
export interface Holds {
  /** Opens a hold. @returns a function that ends it; harmless when repeated. */
  open(): () => void;
  /** Resolves once no hold is open: at once when there is none. */
  released(): Promise<void>;
  readonly count: number;
}

/** Makes the holds of a host. */
export const createHolds = (): Holds => {
  const waiting: (() => void)[] = [];
  let count = 0;
  return {
    open: () => {
      let open = true;
      count++;
      return () => {
        if (!open) return;
        open = false;
        count--;
        if (count === 0) for (const resolve of waiting.splice(0)) resolve();
      };
    },
    released: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    get count() {
      return count;
    },
  };
};
