/** Exit codes of `xl run`. */
export const EXIT_CODE = { poweredOff: 0, crashed: 1, badUsage: 2, timedOut: 3 } as const;
