import type { CrashReport, DomainDescription, ShutdownReason } from "@xenolith/domain-interface/control";
import type { Host } from "@xenolith/host";
import type { DomainConfig } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";
import { carryOut, type DomainCommand, type TimedCommand } from "./timed-commands.ts";

/** How a run ended. */
export interface Outcome {
  readonly reason: ShutdownReason | "timeout" | "idle" | "escape";
  readonly crash: CrashReport | null;
}

/** What a run needs. */
export interface LifeOptions {
  readonly host: Host;
  readonly config: DomainConfig;
  /** Whether the domain is made anew when it asks for a reboot. */
  readonly restarts: boolean;
  /** In the order of their times. */
  readonly commands: readonly TimedCommand[];
  /** A domain has been made, and made again. It does not run yet. */
  readonly onStart: (domain: DomId) => void;
  /** For people. */
  readonly say: (line: string) => void;
}

/** A domain on a private host, from its creation over its reboots to its end. */
export interface Life {
  /** Runs it to its end. @throws what creation throws. */
  run(): Promise<Outcome>;
  /** Ends the run from outside, for a reason. */
  end(reason: "timeout" | "escape"): void;
  /** Carries out a command as soon as may be. */
  command(command: DomainCommand, text: string): void;
  /** The domain there was last, or null. */
  readonly domain: DomId | null;
  /** Instructions retired by those there were before it. */
  readonly earlierInstructions: number;
}

/** Makes the life of a domain. */
export const createLife = ({ host, config, restarts, commands, onStart, say }: LifeOptions): Life => {
  const { control, toolstack } = host;
  const waiting = [...commands];
  let domain: DomId | null = null;
  let interruption: Outcome | null = null;
  let earlierInstructions = 0;
  /** Work of the toolstack under way. No time is let pass for a command meanwhile. */
  const tasks = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;

  const begin = (task: Promise<void>): void => {
    const watched = task
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        tasks.delete(watched);
        // The run under way has no time to end at while a task is.
        host.stop();
      });
    tasks.add(watched);
  };
  const start = async (make: () => Promise<DomId>): Promise<void> => {
    const made = await make();
    domain = made;
    onStart(made);
    control.unpause(made);
  };
  const command = (what: DomainCommand, text: string): void => {
    const target = domain;
    if (target === null) return;
    begin(
      carryOut(host, target, what).then((problem) => {
        if (problem !== null) say(`xl run: ${text}: ${problem}`);
      }),
    );
  };
  const stopped = (): DomainDescription | null => {
    const description = domain === null ? null : control.describe(domain);
    return description?.state === "shutdown" ? description : null;
  };
  /** A domain that has stopped: what becomes of it. @returns the end of the run, or null when it goes on. */
  const judge = (description: DomainDescription): Outcome | null => {
    const reason = description.shutdownReason ?? "crash";
    if (reason === "reboot" && restarts) {
      earlierInstructions += description.instructions;
      begin(start(() => toolstack.restart(description.id, { paused: true })));
      return null;
    }
    const mayResume = reason === "suspend" && waiting.length > 0;
    return mayResume ? null : { reason, crash: description.crash };
  };

  /** Runs for a while. @returns the end of the run, or null when it goes on. */
  const step = async (): Promise<Outcome | null> => {
    const nextNs = tasks.size > 0 ? undefined : waiting[0]?.atNs;
    const end = await host.run(nextNs === undefined ? {} : { untilNs: nextNs });
    if (failure !== null) throw failure.error;
    if (interruption !== null) return interruption;
    const description = tasks.size > 0 ? null : stopped();
    const outcome = description === null ? null : judge(description);
    if (outcome !== null) return outcome;
    if (end === "until") {
      const due = waiting.shift();
      if (due !== undefined) command(due.command, due.text);
    }
    if (end === "idle") {
      if (tasks.size === 0) return { reason: "idle", crash: null };
      // What the task waits for is outside of the host: unpacking, or its own next step.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return null;
  };

  return {
    get domain() {
      return domain;
    },
    get earlierInstructions() {
      return earlierInstructions;
    },
    command,
    end: (reason) => {
      interruption ??= { reason, crash: null };
      host.stop();
    },
    run: async () => {
      const unwatch = control.onChange((changed, change) => {
        if (change === "shutdown" && changed === domain) host.stop();
      });
      try {
        begin(start(() => toolstack.create(config, { paused: true })));
        for (;;) {
          const outcome = await step();
          if (outcome !== null) return outcome;
        }
      } finally {
        unwatch();
      }
    },
  };
};
