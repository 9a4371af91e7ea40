/** Stretches of a session that are timed. `boot` begins with the process, each of the others where the one before it ends. */
export const PHASES = ["kernel", "boot", "loop", "forks", "md5"] as const;

/** Name of one of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];

/** What the phases are, for people. */
export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  kernel: "from process start to the kernel's first line",
  boot: "from process start to the shell",
  loop: "shell loop of 20,000 iterations",
  forks: "120 times fork and exec",
  md5: "md5sum of 4 MiB through a pipe",
};

/** What a session took, in milliseconds; NaN for what it did not come to. */
export interface Session {
  readonly ms: Readonly<Record<Phase, number>>;
  /** Whether it came to its end and all that it wrote was right. */
  readonly isComplete: boolean;
}

/** MD5 of 4 MiB of zeroes. */
const ZEROES_MD5 = "b5cfa9d6c8febd618f91ac2843d50a1c";

/**
 * The line that is typed at the shell: one line, so that nobody has to wait for anybody while it is timed. The quotes keep the
 * terminal's echo of a mark apart from the mark.
 */
export const SESSION_LINE: string = [
  "echo mark''0",
  "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo mark''1 $i",
  "i=0; while [ $i -lt 120 ]; do /bin/busybox true; i=$((i+1)); done; echo mark''2 $i",
  "dd if=/dev/zero bs=64k count=64 2>/dev/null | md5sum; echo mark''3",
].join("; ");

/** What the shell shows when it waits. */
export const PROMPT = "/ # ";

/** What tells that a point has been reached, in order. */
const POINTS = {
  kernel: /Linux version/,
  boot: /^\/ # /m,
  begin: /^mark0\r?$/m,
  loop: /^mark1 20000\r?$/m,
  forks: /^mark2 120\r?$/m,
  md5: new RegExp(`^${ZEROES_MD5}  -\\r?\\nmark3\\r?$`, "m"),
} as const;

/** Takes times from a console as it is written. */
export interface SessionWatch {
  /** Takes what was written, and when, since the process started. */
  feed(text: string, atMs: number): void;
  /** Whether the shell has shown its prompt. */
  readonly isAtShell: boolean;
  /** Whether the last mark has come. */
  readonly isOver: boolean;
  readonly session: Session;
}

/** Makes a watch for one session. */
export const watchSession = (): SessionWatch => {
  const reached = new Map<keyof typeof POINTS, number>();
  let text = "";
  const at = (point: keyof typeof POINTS): number => reached.get(point) ?? Number.NaN;
  return {
    feed: (more, atMs) => {
      text += more;
      for (const [point, sign] of Object.entries(POINTS) as [keyof typeof POINTS, RegExp][])
        if (!reached.has(point) && sign.test(text)) reached.set(point, atMs);
    },
    get isAtShell() {
      return reached.has("boot");
    },
    get isOver() {
      return /^mark3\r?$/m.test(text);
    },
    get session() {
      return {
        ms: {
          kernel: at("kernel"),
          boot: at("boot"),
          loop: at("loop") - at("begin"),
          forks: at("forks") - at("loop"),
          md5: at("md5") - at("forks"),
        },
        isComplete: reached.size === Object.keys(POINTS).length,
      };
    },
  };
};
