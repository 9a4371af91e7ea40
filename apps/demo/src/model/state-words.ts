import type { DomainSnapshot } from "./snapshot.ts";

const STOPPED = {
  poweroff: "off",
  reboot: "rebooted",
  suspend: "suspended",
  crash: "crashed",
  watchdog: "watchdog",
  "soft-reset": "reset",
} as const;

/** A domain's state in one word of at most nine letters. */
export const stateWord = ({ state, shutdownReason }: DomainSnapshot): string =>
  state === "shutdown" && shutdownReason !== null ? STOPPED[shutdownReason] : state;

/** Whether the domain has come to an end that nobody wanted. */
export const hasFailed = ({ shutdownReason }: DomainSnapshot): boolean =>
  shutdownReason === "crash" || shutdownReason === "watchdog";
