import type { XsdError } from "@xenolith/xen-abi/io/xs-wire";
import { encodeStrings } from "@xenolith/xenbus/wire";
import type { Quotas } from "./quotas.ts";
import { checkDatabase } from "./store/check.ts";
import type { Database } from "./store/database.ts";

/** What control commands may look at. */
export interface ControlContext {
  readonly database: Database;
  readonly quotas: Quotas;
  readonly domains: () => readonly number[];
}

type Command = (context: ControlContext, parameters: readonly string[]) => string | XsdError;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["help", () => [...COMMANDS.keys()].join("\n")],
  ["check", ({ database }) => checkDatabase(database) ?? "OK"],
  [
    "quota",
    ({ database, quotas, domains }, [domain]) =>
      domain === undefined
        ? Object.entries(quotas)
            .map(([name, limit]) => `${name}: ${limit}`)
            .join("\n")
        : domains().includes(Number(domain))
          ? `nodes: ${database.ownedNodes(Number(domain))}`
          : "ENOENT",
  ],
]);

/** Answers a CONTROL request: text, or the name of an error. `help` lists the commands. */
export const executeControl = (
  context: ControlContext,
  command: string,
  parameters: readonly string[],
): Uint8Array | XsdError => {
  const run = COMMANDS.get(command);
  if (run === undefined) return "EINVAL";
  const text = run(context, parameters);
  return text === "ENOENT" ? text : encodeStrings([text]);
};
