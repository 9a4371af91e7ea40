import { HostError } from "@xenolith/machine-interface";

/** What a person asked for cannot be done: one line that names what and where. Thrown before anything was made, or after all was undone. */
export class ConfigError extends HostError {
  constructor(message: string) {
    super("bad-configuration", message);
    this.name = "ConfigError";
  }
}
