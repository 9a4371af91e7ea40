import type { Host } from "@xenolith/host";
import { ConfigError } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";
import { UsageError } from "../usage-error.ts";

/** What is done to a domain from outside while it runs, in xl's words. */
export type DomainCommand =
  | { readonly kind: "shutdown" | "reboot" | "suspend" | "resume" | "pause" | "unpause" }
  | { readonly kind: "mem-set"; readonly memoryMiB: number }
  | { readonly kind: "sysrq"; readonly key: string };

/** A command and the time of the host at which it is carried out. */
export interface TimedCommand {
  readonly atNs: number;
  readonly command: DomainCommand;
  /** As it was given. */
  readonly text: string;
}

const SECOND_NS = 1_000_000_000;
const PLAIN = ["shutdown", "reboot", "suspend", "resume", "pause", "unpause"] as const;
const MEBIBYTES: Readonly<Record<string, number>> = { "": 1, m: 1, g: 1024 };

/** A size as xl takes it: MiB, or with a suffix `m` or `g`. */
const parseMemory = (text: string): number | null => {
  const [, digits, unit] = /^([0-9]{1,7})([mg]?)$/i.exec(text) ?? [];
  const factor = MEBIBYTES[unit?.toLowerCase() ?? "none"];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
};

const parseCommand = (words: readonly string[]): DomainCommand | null => {
  const [name, value, ...rest] = words;
  const plain = PLAIN.find((known) => known === name);
  if (plain !== undefined) return value === undefined ? { kind: plain } : null;
  if (value === undefined || rest.length > 0) return null;
  if (name === "sysrq") return { kind: name, key: value };
  const memoryMiB = parseMemory(value);
  return name === "mem-set" && memoryMiB !== null ? { kind: name, memoryMiB } : null;
};

/** Reads `SECONDS COMMAND`. @throws UsageError that says what is wanted. */
export const parseTimedCommand = (text: string): TimedCommand => {
  const [seconds = "", ...words] = text.trim().split(/\s+/);
  const command = /^[0-9]{1,7}(\.[0-9]{1,9})?$/.test(seconds) ? parseCommand(words) : null;
  if (command === null)
    throw new UsageError(
      `--at '${text}': SECONDS and ${PLAIN.join(", ")}, mem-set MiB or sysrq KEY are wanted`,
    );
  return { atNs: Math.round(Number(seconds) * SECOND_NS), command, text };
};

/** Carries a command out. @returns why it could not be, or null. */
export const carryOut = async (host: Host, domain: DomId, command: DomainCommand): Promise<string | null> => {
  const { toolstack, control } = host;
  try {
    switch (command.kind) {
      case "shutdown":
        await toolstack.ask(domain, "poweroff");
        return null;
      case "reboot":
      case "suspend":
        await toolstack.ask(domain, command.kind);
        return null;
      case "resume":
        // As in xl: the domain finds itself where it was.
        await toolstack.resume(domain, { cancelled: true });
        return null;
      case "pause":
      case "unpause":
        return control[command.kind](domain) === 0 ? null : "it is not paused";
      case "mem-set":
        await toolstack.setMemory(domain, command.memoryMiB);
        return null;
      case "sysrq":
        await toolstack.sysrq(domain, command.key);
        return null;
    }
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
};
