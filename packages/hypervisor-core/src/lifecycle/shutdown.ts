import type { CrashReport, ShutdownReason } from "@xenolith/domain-interface/control";
import type { TraceSink } from "@xenolith/trace";
import {
  SHUTDOWN_crash,
  SHUTDOWN_poweroff,
  SHUTDOWN_reboot,
  SHUTDOWN_soft_reset,
  SHUTDOWN_suspend,
  SHUTDOWN_watchdog,
} from "@xenolith/xen-abi/sched";
import type { CrashDomain, Domain } from "../domain.ts";
import type { RunControl } from "../run-control.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { Vcpu } from "../vcpu.ts";
import { dumpRegisters } from "./register-dump.ts";

/** SHUTDOWN_* by name. [XEN sched.h] */
export const SHUTDOWN_CODES: Readonly<Record<ShutdownReason, number>> = {
  poweroff: SHUTDOWN_poweroff,
  reboot: SHUTDOWN_reboot,
  suspend: SHUTDOWN_suspend,
  crash: SHUTDOWN_crash,
  watchdog: SHUTDOWN_watchdog,
  "soft-reset": SHUTDOWN_soft_reset,
};

const REASONS: readonly ShutdownReason[] = [
  "poweroff",
  "reboot",
  "suspend",
  "crash",
  "watchdog",
  "soft-reset",
];

/** The reason a SHUTDOWN_* number stands for, or null. */
export const shutdownReasonOf = (code: number): ShutdownReason | null => REASONS[code] ?? null;

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
    const named = vcpu ?? runControl.current;
    const culprit = named?.domain === domain ? named : domain.vcpus[0];
    return { reason, registers: culprit === undefined ? "" : dumpRegisters(culprit) };
  };

  const shutdown = (domain: Domain, reason: ShutdownReason): void => {
    if (domain.shutdownReason !== null || domain.dying) return;
    domain.shutdownReason = domain.shutdownCode ?? reason;
    if (domain.shutdownReason === "crash") domain.crash ??= reportOf(domain, "a crash was reported");
    if (trace.on) trace.record(traceShutdown, domain.id, SHUTDOWN_CODES[domain.shutdownReason]);
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
