/** States of a device's two ends, as written to the store node `state` in decimal. [XEN io/xenbus.h] */
export const XenbusState = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;

/** One value of {@link XenbusState}. */
export type XenbusState = (typeof XenbusState)[keyof typeof XenbusState];

/** Parses what a peer wrote as its state; anything that is not a known state is `Unknown`. */
export const parseXenbusState = (text: string): XenbusState => {
  const value = /^[0-8]$/.test(text) ? Number(text) : 0;
  return value as XenbusState;
};
