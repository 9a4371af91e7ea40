/** One thing to be timed. */
export interface Benchmark {
  readonly name: string;
  /** What one operation is, for people. */
  readonly operation: string;
  /** Sets up, and gives a function that does a batch and returns how many operations it did. */
  readonly prepare: () => () => number;
}

/** Nanoseconds per operation over several batches. */
export interface Figures {
  readonly name: string;
  readonly operation: string;
  readonly minimumNs: number;
  readonly medianNs: number;
  readonly maximumNs: number;
  readonly batches: number;
}

const WARM_UP_MS = 300;

const timeBatch = (batch: () => number): number => {
  const startMs = performance.now();
  const count = batch();
  return ((performance.now() - startMs) * 1_000_000) / count;
};

/** Times a benchmark: warm-up, then `batches` batches. */
export const measure = (benchmark: Benchmark, batches: number): Figures => {
  const batch = benchmark.prepare();
  for (const startMs = performance.now(); performance.now() - startMs < WARM_UP_MS; ) batch();
  const times = Array.from({ length: batches }, () => timeBatch(batch)).sort((a, b) => a - b);
  return {
    name: benchmark.name,
    operation: benchmark.operation,
    minimumNs: times[0] ?? 0,
    medianNs: times[Math.floor(times.length / 2)] ?? 0,
    maximumNs: times.at(-1) ?? 0,
    batches,
  };
};
