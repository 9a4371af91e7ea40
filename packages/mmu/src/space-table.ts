import { type Asid, HostError, type PagingContext, toAsid } from "@xenolith/machine-interface";
import { createSpace, type Space } from "./space.ts";

/** Address spaces by name. Names count from 1; those of closed spaces are given out again. */
export class SpaceTable {
  readonly #spaces: (Space | undefined)[] = [];
  readonly #free: number[] = [];

  /** Adds a space. */
  add(context: PagingContext): Asid {
    const name = this.#free.pop() ?? this.#spaces.length + 1;
    this.#spaces[name - 1] = createSpace(context);
    return toAsid(name);
  }

  /**
   * The space of a name.
   * @throws HostError when there is none: spaces are named by the host only.
   */
  get(name: Asid): Space {
    const space = this.#spaces[name - 1];
    if (space === undefined) throw new HostError("unknown-space", `there is no address space ${name}`);
    return space;
  }

  /** Takes a space out. */
  remove(name: Asid): void {
    this.#spaces[name - 1] = undefined;
    this.#free.push(name);
  }
}
