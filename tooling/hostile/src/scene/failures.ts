/** What must never happen, as sentences for people. */
export interface Failures {
  add(sentence: string): void;
  readonly all: readonly string[];
}

/** Failures kept at most: one broken law shows up in many places. */
const MOST = 50;

/** Makes an empty list. */
export const createFailures = (): Failures => {
  const all: string[] = [];
  return {
    add(sentence) {
      if (all.length < MOST) all.push(sentence);
    },
    all,
  };
};
