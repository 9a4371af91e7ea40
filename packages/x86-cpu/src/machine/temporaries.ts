import type { FunctionBody, Value, ValueType } from "@xenolith/wasm-emitter";

/** Locals that live for one instruction and are used again by the next. */
export class TemporaryPool {
  readonly #body: FunctionBody;
  readonly #pools = new Map<ValueType, { readonly values: Value[]; used: number }>();

  constructor(body: FunctionBody) {
    this.#body = body;
  }

  /** A local nobody else uses until {@link reset}. */
  take(type: ValueType): Value {
    let pool = this.#pools.get(type);
    if (pool === undefined) {
      pool = { values: [], used: 0 };
      this.#pools.set(type, pool);
    }
    const known = pool.values[pool.used];
    pool.used += 1;
    if (known !== undefined) return known;
    const fresh = this.#body.local(type);
    pool.values.push(fresh);
    return fresh;
  }

  /** Frees all: a new instruction begins. */
  reset(): void {
    for (const pool of this.#pools.values()) pool.used = 0;
  }
}
