/** A mistake on the command line, or something that the user has to set up first: one line. */
export class UsageError extends Error {}
