import { type Clock, type Timer, type TimerQueue, toNanoseconds } from "@xenolith/machine-interface";
import { EINVAL, ENOSPC } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";

/** Watchdogs a domain may have. */
const WATCHDOGS_PER_DOMAIN = 2;
const NS_PER_SECOND = 1_000_000_000;

/** Watchdogs of domains: where one is not set again in time, the domain is shut down. [XEN sched.h] */
export interface Watchdogs {
  /**
   * SCHEDOP_watchdog: number 0 takes a free one and gives its number; timeout 0 ends one; else it is set again.
   * @returns number, 0, -EINVAL or -ENOSPC.
   */
  set(domain: Domain, number: number, timeoutSeconds: number): number;
  cancelAll(domain: Domain): void;
}

/** What watchdogs are made from. */
export interface WatchdogParts {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly onExpired: (domain: Domain) => void;
}

const NONE: ReadonlyMap<number, Timer> = new Map();

/** Makes the watchdogs of a host. */
export const createWatchdogs = ({ clock, timers, onExpired }: WatchdogParts): Watchdogs => {
  /** Timers of the domains that have any, by number. */
  const armed = new Map<Domain, Map<number, Timer>>();
  const timersOf = (domain: Domain): Map<number, Timer> => {
    const known = armed.get(domain) ?? new Map<number, Timer>();
    armed.set(domain, known);
    return known;
  };

  const arm = (domain: Domain, number: number, timeoutSeconds: number): void => {
    const watchdogs = timersOf(domain);
    watchdogs.get(number)?.cancel();
    const deadline = toNanoseconds(clock.now() + timeoutSeconds * NS_PER_SECOND);
    watchdogs.set(
      number,
      timers.at(deadline, () => onExpired(domain)),
    );
  };

  return {
    set(domain, number, timeoutSeconds) {
      const watchdogs = armed.get(domain) ?? NONE;
      if (number > WATCHDOGS_PER_DOMAIN) return -EINVAL;
      if (number === 0) {
        if (timeoutSeconds === 0) return -EINVAL;
        let free = 1;
        while (watchdogs.has(free)) free++;
        if (free > WATCHDOGS_PER_DOMAIN) return -ENOSPC;
        arm(domain, free, timeoutSeconds);
        return free;
      }
      if (!watchdogs.has(number)) return -EINVAL;
      if (timeoutSeconds > 0) arm(domain, number, timeoutSeconds);
      else {
        watchdogs.get(number)?.cancel();
        timersOf(domain).delete(number);
      }
      return 0;
    },
    cancelAll(domain) {
      for (const timer of armed.get(domain)?.values() ?? []) timer.cancel();
      armed.delete(domain);
    },
  };
};
