import { type DemoHost, startDemoHost } from "../host/demo-host.ts";
import { INTERACTIVE_SPIN_MILLIONS } from "../host/plan.ts";
import { createSampler } from "../model/sampler.ts";
import { layOut } from "../view/frame.ts";
import { chosenDomain, takesKeys, type View } from "../view/view.ts";
import { readKeys } from "./keys.ts";
import { openScreen, type Screen } from "./screen.ts";

const SECOND_NS = 1_000_000_000;
const REFRESH_MS = 200;
/** How soon output and keys show. */
const ECHO_MS = 30;
const SHARE_WINDOW_NS = 1_000_000_000;
const LETTER_Q = 0x71;
const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A run on a terminal. */
export interface InteractiveOptions {
  /** When to end, in seconds; null: when told to. */
  readonly seconds: number | null;
  readonly seed: number;
}

/** What is chosen and typed while the host runs. */
interface Session {
  view(): View;
  /** @returns whether to end. */
  type(input: Uint8Array): boolean;
}

const createSession = (demo: DemoHost): Session => {
  const sampler = createSampler({ host: demo.host, nameOf: demo.nameOf, windowNs: SHARE_WINDOW_NS });
  const count = demo.consoles.length;
  // The first guest: somebody who starts typing gets an answer.
  let chosen = Math.min(1, count - 1);
  const view = (): View => ({
    snapshot: sampler.sample(),
    consoles: demo.consoles.map(({ text, type, keysWait }) => ({
      text,
      isTyped: type !== null,
      keysWait: keysWait(),
    })),
    chosen,
  });

  const typeText = (bytes: Uint8Array): boolean => {
    const target = chosenDomain(view());
    if (target === null || !takesKeys(target)) return bytes.includes(LETTER_Q);
    demo.consoles[chosen]?.type?.(bytes);
    return false;
  };
  const type = (input: Uint8Array): boolean => {
    for (const key of readKeys(input)) {
      if (key.kind === "quit") return true;
      if (key.kind === "next") chosen = (chosen + 1) % count;
      else if (key.kind === "previous") chosen = (chosen + count - 1) % count;
      else if (typeText(key.bytes)) return true;
    }
    return false;
  };
  return { view, type };
};

/** Draws at a steady rate, and soon after {@link Painter.soon}. */
interface Painter {
  soon(): void;
  now(): void;
  stop(): void;
}

const createPainter = (screen: Screen, session: Session): Painter => {
  let hurry: NodeJS.Timeout | null = null;
  const now = (): void => {
    if (hurry !== null) clearTimeout(hurry);
    hurry = null;
    screen.draw(layOut(session.view(), screen.size));
  };
  const beat = setInterval(now, REFRESH_MS);
  return {
    now,
    soon: () => {
      hurry ??= setTimeout(now, ECHO_MS);
    },
    stop: () => {
      clearInterval(beat);
      if (hurry !== null) clearTimeout(hurry);
    },
  };
};

const show = async (demo: DemoHost, screen: Screen, untilNs: number): Promise<void> => {
  const { stdin, stdout } = process;
  const session = createSession(demo);
  const painter = createPainter(screen, session);
  const end = (): void => demo.host.stop();
  const onInput = (bytes: Buffer): void => {
    if (session.type(bytes)) end();
    else painter.soon();
  };
  const onResize = (): void => {
    screen.invalidate();
    painter.now();
  };
  stdin.on("data", onInput);
  stdin.on("end", end);
  stdout.on("resize", onResize);
  for (const signal of END_SIGNALS) process.on(signal, end);
  try {
    painter.now();
    await demo.run({ untilNs });
  } finally {
    for (const signal of END_SIGNALS) process.off(signal, end);
    stdout.off("resize", onResize);
    stdin.off("end", end);
    stdin.off("data", onInput);
    stdin.pause();
    painter.stop();
  }
};

/** Shows the domains on this process's terminal until told to end. @returns the exit code. */
export const runInteractive = async ({ seconds, seed }: InteractiveOptions): Promise<number> => {
  const { stdin, stdout } = process;
  const demo = await startDemoHost({ clock: "real", seed, spinMillions: INTERACTIVE_SPIN_MILLIONS });
  const { clock } = demo.host;
  const screen = openScreen({
    output: stdout,
    input: stdin.isTTY ? stdin : null,
    colors: process.env["NO_COLOR"] === undefined,
  });
  // Also on the way out of an error nobody caught, before it is printed.
  const giveBack = (): void => screen.close();
  process.on("uncaughtExceptionMonitor", giveBack);
  process.on("exit", giveBack);
  try {
    await show(demo, screen, seconds === null ? Number.POSITIVE_INFINITY : clock.now() + seconds * SECOND_NS);
  } finally {
    screen.close();
    process.off("exit", giveBack);
    process.off("uncaughtExceptionMonitor", giveBack);
  }
  stdout.write(`xenolith demo: ended after ${(clock.now() / SECOND_NS).toFixed(1)} s\n`);
  return 0;
};
