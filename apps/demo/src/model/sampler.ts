import type { DomainDescription } from "@xenolith/domain-interface/control";
import type { Host } from "@xenolith/host";
import { type DomId, toVcpuIndex } from "@xenolith/xen-abi";
import type { DomainSnapshot, HostSnapshot } from "./snapshot.ts";

const BOOT_VCPU = toVcpuIndex(0);
const SECOND_NS = 1_000_000_000;

/** What is sampled. */
export interface SamplerOptions {
  readonly host: Pick<Host, "control" | "clock">;
  readonly nameOf: (domain: DomId) => string;
  /** How far back shares and rates reach, at least. 0: to the sample before. */
  readonly windowNs: number;
}

/** Takes snapshots of a host. */
export interface Sampler {
  sample(): HostSnapshot;
}

/** Counters at the beginning of a window, and what the window before it gave. */
interface Window {
  startNs: number;
  cpuNs: ReadonlyMap<DomId, number>;
  instructions: number;
  shares: ReadonlyMap<DomId, number>;
  instructionRate: number;
}

const numberIn = (report: Readonly<Record<string, number | boolean>> | null, name: string): number | null => {
  const value = report?.[name];
  return typeof value === "number" ? value : null;
};

const sum = (domains: readonly DomainDescription[]): number =>
  domains.reduce((total, { instructions }) => total + instructions, 0);

/** Makes a sampler; its first window begins now. */
export const createSampler = ({ host, nameOf, windowNs }: SamplerOptions): Sampler => {
  const { control, clock } = host;
  const begin = (nowNs: number, domains: readonly DomainDescription[]) => ({
    startNs: nowNs,
    cpuNs: new Map(domains.map(({ id, cpuNs }) => [id, cpuNs as number])),
    instructions: sum(domains),
  });
  let window: Window = { ...begin(clock.now(), control.list()), shares: new Map(), instructionRate: 0 };

  const advance = (nowNs: number, domains: readonly DomainDescription[]): void => {
    const passedNs = nowNs - window.startNs;
    if (passedNs <= 0 || passedNs < windowNs) return;
    const { cpuNs: before, instructions } = window;
    window = {
      ...begin(nowNs, domains),
      shares: new Map(domains.map(({ id, cpuNs }) => [id, (cpuNs - (before.get(id) ?? 0)) / passedNs])),
      instructionRate: ((sum(domains) - instructions) * SECOND_NS) / passedNs,
    };
  };

  const describe = (domain: DomainDescription): DomainSnapshot => {
    const report = control.schedulingReport(domain.id, BOOT_VCPU);
    const actualMcu = numberIn(report, "avtMcu");
    const effectiveMcu = numberIn(report, "evtMcu");
    return {
      id: domain.id,
      name: nameOf(domain.id),
      state: domain.state,
      shutdownReason: domain.shutdownReason,
      crash: domain.crash,
      memoryKiB: domain.pages * 4,
      cpuNs: domain.cpuNs,
      instructions: domain.instructions,
      share: window.shares.get(domain.id) ?? 0,
      weight: numberIn(report, "weight") ?? numberIn(control.schedulingOf(domain.id), "weight"),
      virtualTime:
        actualMcu === null || effectiveMcu === null
          ? null
          : { actualMcu, effectiveMcu, warped: report?.["warped"] === true },
    };
  };

  return {
    sample: () => {
      const nowNs = clock.now();
      const descriptions = control.list();
      advance(nowNs, descriptions);
      const reports = descriptions.map(({ id }) => control.schedulingReport(id, BOOT_VCPU));
      return {
        nowNs,
        clock: clock.mode,
        schedulerMcu: reports.map((report) => numberIn(report, "svtMcu")).find((svt) => svt !== null) ?? null,
        instructionRate: window.instructionRate,
        domains: descriptions.map(describe),
      };
    },
  };
};
