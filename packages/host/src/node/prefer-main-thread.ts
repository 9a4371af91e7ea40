import { readdirSync } from "node:fs";
import { setPriority } from "node:os";
import { setFlagsFromString } from "node:v8";

/** How much less urgent than the main thread all others are, as for nice(1). */
const OTHERS_NICENESS = 10;
/** V8 optimises a function that has executed so many bytes of its code; its own value is 1.8 million. */
const TIERING_BUDGET = 4_000_000;
/** Where Linux lists the threads of a process. */
const THREADS = "/proc/self/task";

/**
 * Makes a process one whose main thread runs guests: V8's compiling threads take what time it leaves, which matters where there are
 * as many of them as processors, and optimise what has run a little longer. For applications to call once, before the first host: it
 * holds for the whole process. Threads can be told apart on Linux only.
 */
export const preferMainThread = (): void => {
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  if (process.platform !== "linux") return;
  for (const thread of readdirSync(THREADS).map(Number)) {
    // One that has ended in the meantime, or a process that may not do this: it goes as fast as it goes.
    try {
      if (thread !== process.pid) setPriority(thread, OTHERS_NICENESS);
    } catch {}
  }
};
