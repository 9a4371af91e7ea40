import type { ConsoleText } from "../model/console-text.ts";
import type { DomainSnapshot, HostSnapshot } from "../model/snapshot.ts";
import type { Line } from "./line.ts";

/** A console as the view shows it. */
export interface ViewedConsole {
  readonly text: ConsoleText;
  /** False for the control domain, whose place the host's log takes. */
  readonly isTyped: boolean;
  /** Whether what was typed has not been taken yet. */
  readonly keysWait: boolean;
}

/** A domain with its console. */
export interface ViewedDomain {
  readonly domain: DomainSnapshot;
  readonly console: ViewedConsole;
}

/** Everything that is on the screen. */
export interface View {
  readonly snapshot: HostSnapshot;
  /** In the order of the snapshot's domains. */
  readonly consoles: readonly ViewedConsole[];
  /** Index of the domain whose console has the keyboard. */
  readonly chosen: number;
}

/** Rows and columns. */
export interface ScreenSize {
  readonly rows: number;
  readonly columns: number;
}

/** A place on the screen, from 0. */
export interface ScreenPlace {
  readonly row: number;
  readonly column: number;
}

/** A screenful. */
export interface Frame {
  /** At most as many as the screen has rows, none wider than it. */
  readonly lines: readonly Line[];
  /** Where typing shows; null: nowhere. */
  readonly cursor: ScreenPlace | null;
}

/** Whether what is typed goes to the domain. */
export const takesKeys = ({ domain, console }: ViewedDomain): boolean =>
  console.isTyped && domain.state !== "shutdown" && domain.state !== "dying";

/** The domain that has the keyboard. */
export const chosenDomain = ({ snapshot, consoles, chosen }: View): ViewedDomain | null => {
  const domain = snapshot.domains[chosen];
  const console = consoles[chosen];
  return domain === undefined || console === undefined ? null : { domain, console };
};
