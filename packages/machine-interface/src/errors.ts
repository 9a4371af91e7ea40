/** A mistake of the host's programmer or of the person who configures it. Thrown at construction or wiring, never by what a guest does. */
export class HostError extends Error {
  /** Stable identifier, kebab-case, for programs. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "HostError";
    this.code = code;
  }
}
