import type { CrashReport, KnownShutdownReason, ShutdownReason } from "@xenolith/domain-interface/control";
import type { TraceSink } from "@xenolith/trace";
import type { CrashDomain, Domain } from "../domain.ts";
import type { RunControl } from "../run-control.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { Vcpu } from "../vcpu.ts";
import { dumpRegisters } from "./register-dump.ts";

/** Names of SHUTDOWN_* from 0 on. [XEN sched.h] */
const NAMES: readonly KnownShutdownReason[] = [
  "poweroff",
  "reboot",
  "suspend",
  "crash",
  "watchdog",
  "soft-reset",
];

/** The reason that a number given by a guest stands for: of any number the low byte counts. */
export const shutdownReasonOf = (code: number): ShutdownReason =>
  NAMES[code & 0xff] ?? `reason ${code & 0xff}`;

/** The number of a reason. */
const codeOf = (reason: ShutdownReason): number => {
  const known = (NAMES as readonly ShutdownReason[]).indexOf(reason);
  return known >= 0 ? known : Number(reason.slice("reason ".length));
};

/** Stops domains. Each stops once: what comes later does not change the reason. */
export interface Shutdown {
  /** Stops a domain in order; a reason registered by SCHEDOP_shutdown_code goes before `reason`. */
  shutdown(domain: Domain, reason: ShutdownReason): void;
  /** Stops a domain for what it did, with the registers of the VCPU that did it. */
  readonly crash: CrashDomain;
}

/** What stopping is made from. */
export interface ShutdownParts {
  readonly runControl: RunControl;
  readonly trace: TraceSink;
  /** Told after a domain has stopped. */
  readonly onStopped: (domain: Domain) => void;
}

/** Makes the part that stops domains. */
export const createShutdown = ({ runControl, trace, onStopped }: ShutdownParts): Shutdown => {
  const traceShutdown = trace.define(HYPERVISOR_TRACE.shutdown);

  /** The registers are those of the VCPU at fault: the one named, else the one that runs, else the first. */
  const reportOf = (domain: Domain, reason: string, vcpu?: Vcpu): CrashReport => {
    const named = vcpu ?? runControl.active.current;
    const culprit = named?.domain === domain ? named : domain.vcpus[0];
    return { reason, registers: culprit === undefined ? "" : dumpRegisters(culprit) };
  };

  const shutdown = (domain: Domain, reason: ShutdownReason): void => {
    if (domain.shutdownReason !== null || domain.dying) return;
    domain.shutdownReason = domain.shutdownCode ?? reason;
    if (domain.shutdownReason === "crash") domain.crash ??= reportOf(domain, "a crash was reported");
    if (trace.on) trace.record(traceShutdown, domain.id, codeOf(domain.shutdownReason));
    runControl.updateAll(domain);
    onStopped(domain);
  };

  return {
    shutdown,
    crash(domain, reason, vcpu) {
      if (domain.shutdownReason !== null || domain.dying) return;
      domain.crash = reportOf(domain, reason, vcpu);
      shutdown(domain, "crash");
    },
  };
};
