import type { KnownShutdownReason, ShutdownReason } from "@xenolith/domain-interface/control";
import type { DomainSnapshot } from "./snapshot.ts";

const STOPPED: Readonly<Record<KnownShutdownReason, string>> = {
  poweroff: "off",
  reboot: "rebooted",
  suspend: "suspended",
  crash: "crashed",
  watchdog: "watchdog",
  "soft-reset": "reset",
};

const isNamed = (reason: ShutdownReason): reason is KnownShutdownReason => reason in STOPPED;

/** A domain's state in one word of at most nine letters. */
export const stateWord = ({ state, shutdownReason }: DomainSnapshot): string =>
  state !== "shutdown" || shutdownReason === null
    ? state
    : isNamed(shutdownReason)
      ? STOPPED[shutdownReason]
      : "stopped";

/** Whether the domain has come to an end that nobody wanted. */
export const hasFailed = ({ shutdownReason }: DomainSnapshot): boolean =>
  shutdownReason === "crash" || shutdownReason === "watchdog";
