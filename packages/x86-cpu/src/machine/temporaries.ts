import { type FunctionBody, TYPE, type Value, type ValueType } from "@xenolith/wasm-emitter";

/** Locals that live for one instruction and are used again by the next. */
export class TemporaryPool {
  readonly #body: FunctionBody;
  /** Locals of each type, and how many of them are in use, by the distance of the type from i32. */
  readonly #pools: Value[][] = [[], [], [], [], []];
  readonly #used: number[] = [0, 0, 0, 0, 0];

  constructor(body: FunctionBody) {
    this.#body = body;
  }

  /** A local nobody else uses until {@link reset}. */
  take(type: ValueType): Value {
    const number = TYPE.i32 - type;
    const used = this.#used[number] ?? 0;
    this.#used[number] = used + 1;
    const pool = this.#pools[number];
    const known = pool?.[used];
    if (known !== undefined) return known;
    const fresh = this.#body.local(type);
    pool?.push(fresh);
    return fresh;
  }

  /** Frees all: a new instruction begins. */
  reset(): void {
    const used = this.#used;
    for (let number = 0; number < used.length; number++) used[number] = 0;
  }
}
