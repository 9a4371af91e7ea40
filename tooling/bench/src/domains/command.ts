import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { wholeNumber } from "../whole-number.ts";
import { measureBoot, measureSharing, measureState } from "./measure.ts";

/** How the benchmark is called. */
export const DOMAINS_USAGE = "       pnpm bench domains [--domains N] [--seconds N] [--json FILE]";

const DEFAULT_DOMAINS = 128;
const DEFAULT_SECONDS = 40;

interface Row {
  readonly name: string;
  readonly value: number;
  /** What is promised, at most; null: nothing. */
  readonly limit: number | null;
  readonly unit: string;
}

const print = ({ name, value, limit, unit }: Row): void => {
  const verdict = limit === null ? "" : value <= limit ? "kept" : "MISSED";
  const promise = limit === null ? "" : `at most ${limit}`;
  process.stdout.write(
    `${name.padEnd(44)}${value.toFixed(2).padStart(10)} ${unit.padEnd(6)}${promise.padEnd(16)}${verdict}\n`,
  );
};

/** Measures a host with many small domains: start, memory, fairness, and what sharing costs. */
export const benchDomains = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: { domains: { type: "string" }, seconds: { type: "string" }, json: { type: "string" } },
  });
  const count = wholeNumber("domains", values.domains, DEFAULT_DOMAINS, 2, 200);
  const seconds = wholeNumber("seconds", values.seconds, DEFAULT_SECONDS, 2, 10_000);
  const rows: Row[] = [];
  const add = (name: string, value: number, limit: number | null, unit: string): void => {
    const row = { name, value, limit, unit };
    rows.push(row);
    print(row);
  };
  add(`boot of ${count} domains, wall time`, await measureBoot(count), 20, "s");
  const state = await measureState(count);
  add("state of the host for a domain", state.bytesPerDomain / 1000, 20, "kB");
  add("with its part of the TLB", state.bytesWithTlb / 1000, null, "kB");
  const sharing = await measureSharing(count, seconds);
  add("largest lag under BVT", sharing.lagMcu, sharing.lagLimitMcu, "mcu");
  add(`largest distance from an equal share, ${seconds} s`, sharing.unfairness * 100, 2, "%");
  add("loss against one domain, wall time", sharing.wallLoss * 100, 3, "%");
  add("loss against one domain, processor time", sharing.processorLoss * 100, null, "%");
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
};
