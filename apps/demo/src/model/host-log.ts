import type { DomainChange, DomainControl } from "@xenolith/domain-interface/control";
import type { Clock } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import { type ConsoleText, createConsoleText } from "./console-text.ts";

const WORDS: Readonly<Record<DomainChange, string>> = {
  created: "created",
  paused: "paused",
  unpaused: "started",
  resumed: "goes on",
  shutdown: "stopped",
  destroyed: "gone",
};

/** What is logged. */
export interface HostLogOptions {
  readonly control: DomainControl;
  readonly clock: Clock;
  /** Name of a domain, or null while it has none. */
  readonly nameOf: (domain: DomId) => string | null;
}

/** What happened on a host, as text: the control domain has no console, so this stands in its place. */
export interface HostLog {
  readonly text: ConsoleText;
  say(line: string): void;
}

/** Makes a log and follows what happens to domains from now on. */
export const createHostLog = ({ control, clock, nameOf }: HostLogOptions): HostLog => {
  const text = createConsoleText();
  const encoder = new TextEncoder();
  const say = (line: string): void => {
    text.feed(encoder.encode(`[${(clock.now() / 1_000_000_000).toFixed(6)}] ${line}\n`));
  };
  control.onChange((domain, change) => {
    const description = change === "shutdown" ? control.describe(domain) : null;
    const reason = description?.shutdownReason ?? null;
    const why = reason === null ? "" : `: ${description?.crash?.reason ?? reason}`;
    say(`domain ${domain}${nameOf(domain) === null ? "" : ` ${nameOf(domain)}`}: ${WORDS[change]}${why}`);
  });
  return { text, say };
};
