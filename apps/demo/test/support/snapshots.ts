import { toNanoseconds } from "@xenolith/machine-interface";
import { toDomId } from "@xenolith/xen-abi";
import { createConsoleText } from "../../src/model/console-text.ts";
import type { DomainSnapshot, HostSnapshot } from "../../src/model/snapshot.ts";
import type { ViewedConsole } from "../../src/view/view.ts";

/** A domain that has run for 1.5 s, but for what the test says. */
export const domainSnapshot = (changes: Partial<DomainSnapshot> = {}): DomainSnapshot => ({
  id: toDomId(1),
  name: "granite",
  state: "blocked",
  shutdownReason: null,
  crash: null,
  memoryKiB: 8192,
  cpuNs: toNanoseconds(1_500_000_000),
  instructions: 1_499_000_000,
  share: 0.25,
  weight: 256,
  virtualTime: { actualMcu: 15_000, effectiveMcu: 14_000, warped: false },
  ...changes,
});

/** A host of these domains, six virtual seconds after its start. */
export const hostSnapshot = (domains: readonly DomainSnapshot[]): HostSnapshot => ({
  nowNs: 6_000_000_000,
  clock: "virtual",
  schedulerMcu: 12_345,
  instructionRate: 250_000_000,
  domains,
});

/** A console that has said something. */
export const viewedConsole = (said: string, changes: Partial<ViewedConsole> = {}): ViewedConsole => {
  const text = createConsoleText();
  text.feed(new TextEncoder().encode(said));
  return { text, isTyped: true, keysWait: false, ...changes };
};
