import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  isZero,
  load,
  ltU,
  ne,
  select,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support-function.ts";
import { ElementRun } from "./element-run.ts";

/** How far a destination is ahead of its source, in the direction of the copy: unsigned, so that behind is far ahead. */
const distanceAhead = (from: Value, to: Value, isDown: Value): Value =>
  select(sub(from, to), sub(to, from), isDown);

/** Emits a loop that goes on while a condition holds. */
const emitWhile = (body: FunctionBody, condition: Value, turn: () => void): void => {
  const loop = body.loop();
  body.if(condition);
  turn();
  body.branch(loop);
  body.end();
  body.end();
};

const VECTOR_BYTES = 16;
/** Vectors that a turn of the copying loop loads before it stores them. */
const VECTORS_PER_TURN = 4;
const TURN_BYTES = VECTORS_PER_TURN * VECTOR_BYTES;
/**
 * From this size on `memory.copy` is as fast, which is a call of a C function. Pieces of memory that does not lie together are
 * smaller.
 */
const LARGE_BYTES = 256 * 1024;

/**
 * Emits a copy upwards of less than {@link LARGE_BYTES}. What it stores it has loaded before, and all behind it is loaded later, so that
 * a destination below its source may overlap it.
 */
const emitCopyUp = (body: FunctionBody, source: Value, destination: Value, bytes: Value): void => {
  const [from, to, end] = [body.local(TYPE.i32), body.local(TYPE.i32), body.local(TYPE.i32)];
  const vectors = Array.from({ length: VECTORS_PER_TURN }, () => body.local(TYPE.v128));
  const move = (distance: number): void => {
    body.set(from, add(from, distance));
    body.set(to, add(to, distance));
  };
  body.set(from, source);
  body.set(to, destination);
  body.set(end, add(source, and(bytes, -TURN_BYTES)));
  emitWhile(body, ne(from, end), () => {
    vectors.forEach((vector, n) => {
      body.set(vector, load(TYPE.v128, VECTOR_BYTES, false, from, n * VECTOR_BYTES));
    });
    vectors.forEach((vector, n) => {
      body.store(VECTOR_BYTES, to, vector, n * VECTOR_BYTES);
    });
    move(TURN_BYTES);
  });
  for (let size = TURN_BYTES / 2; size > 0; size /= 2) {
    body.if(and(bytes, size));
    const parts = size > VECTOR_BYTES ? vectors.slice(0, size / VECTOR_BYTES) : [];
    parts.forEach((vector, n) => {
      body.set(vector, load(TYPE.v128, VECTOR_BYTES, false, from, n * VECTOR_BYTES));
    });
    parts.forEach((vector, n) => {
      body.store(VECTOR_BYTES, to, vector, n * VECTOR_BYTES);
    });
    if (parts.length === 0) {
      const type = size === VECTOR_BYTES ? TYPE.v128 : size === 8 ? TYPE.i64 : TYPE.i32;
      body.store(size, to, load(type, size, false, from));
    }
    move(size);
    body.end();
  }
};

/**
 * (offset in memory of the source, of the destination, bytes, 1 for downwards): copies bytes as one iteration of MOVS after
 * another would. Where the destination is ahead of the source and they overlap, iterations read what others have written, so
 * the bytes between both repeat: they are copied, then what is there by then, and so on. It is not ahead by less than an
 * element.
 */
export const COPY_IN_ORDER: SupportFunction = {
  name: "copyInOrder",
  parameters: [TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i32],
  results: [],
  emit(body) {
    const [from, to, bytes, isDown] = [0, 1, 2, 3].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const [ahead, ready, more] = [body.local(TYPE.i32), body.local(TYPE.i32), body.local(TYPE.i32)];
    /** Where the part of an area begins that comes first. */
    const start = (at: Value, length: Value): Value => select(sub(add(at, bytes), length), at, isDown);
    body.set(ahead, distanceAhead(from, to, isDown));
    body.if(compare("geU", sub(ahead, 1), sub(bytes, 1)));
    body.if(and(isZero(isDown), ltU(bytes, LARGE_BYTES)));
    emitCopyUp(body, from, to, bytes);
    body.else();
    body.copyMemory(to, from, bytes);
    body.end();
    body.else();
    body.copyMemory(start(to, ahead), start(from, ahead), ahead);
    body.set(ready, ahead);
    emitWhile(body, ne(ready, bytes), () => {
      body.set(more, sub(bytes, ready));
      body.set(more, select(ready, more, ltU(ready, more)));
      const next = select(sub(sub(add(to, bytes), ready), more), add(to, ready), isDown);
      body.copyMemory(next, start(to, more), more);
      body.set(ready, add(ready, more));
    });
    body.end();
  },
};

/** A copy that is put off, because the next piece may go on where it ends. */
class PendingCopy {
  readonly #run: ElementRun;
  readonly #call: (...values: readonly Value[]) => void;
  readonly #from: Value;
  readonly #to: Value;
  readonly #bytes: Value;

  constructor(run: ElementRun, call: (...values: readonly Value[]) => void) {
    this.#run = run;
    this.#call = call;
    this.#from = run.body.local(TYPE.i32);
    this.#to = run.body.local(TYPE.i32);
    this.#bytes = run.body.local(TYPE.i32);
    run.settle = () => this.#settle();
  }

  #settle(): void {
    const { body, isDown } = this.#run;
    body.if(this.#bytes);
    this.#call(this.#from, this.#to, this.#bytes, isDown);
    body.set(this.#bytes, i32(0));
    body.end();
  }

  /** Adds the present piece. */
  add(from: Value, to: Value): void {
    const { body, isDown, lengthBytes } = this.#run;
    const follows = and(eq(from, add(this.#from, this.#bytes)), eq(to, add(this.#to, this.#bytes)));
    body.if(and(follows, isZero(isDown)));
    body.set(this.#bytes, add(this.#bytes, lengthBytes));
    body.else();
    this.#settle();
    body.set(this.#from, from);
    body.set(this.#to, to);
    body.set(this.#bytes, lengthBytes);
    body.end();
  }
}

const copyElements = (name: string, isWide: boolean): SupportFunction => {
  const address = isWide ? TYPE.i64 : TYPE.i32;
  return {
    name,
    parameters: [address, address, TYPE.i32, TYPE.i32, TYPE.i32],
    results: [TYPE.i32],
    emit(body, context) {
      const source = body.parameter(0);
      const destination = body.parameter(1);
      const run = new ElementRun(
        body,
        context,
        isWide,
        body.parameter(2),
        body.parameter(3),
        body.parameter(4),
      );
      const pending = new PendingCopy(run, (...values) =>
        body.call(context.indexOf(COPY_IN_ORDER), ...values),
      );
      const ahead = body.local(TYPE.i32);
      run.prepare();
      run.emit([source, destination], () => {
        const from = run.locate(source, false);
        const to = run.locate(destination, true);
        body.set(ahead, distanceAhead(from, to, run.isDown));
        // Less than an element ahead, nothing repeats: one is copied alone.
        body.if(ltU(sub(ahead, 1), sub(run.sizeBytes, 1)));
        run.settle();
        const first = (at: Value): Value =>
          select(sub(add(at, run.lengthBytes), run.sizeBytes), at, run.isDown);
        body.copyMemory(first(to), first(from), run.sizeBytes);
        run.shorten();
        body.else();
        pending.add(from, to);
        body.end();
      });
    },
  };
};

/**
 * (linear address of the source, of the destination, most iterations, log2 of the element's size, record or 0 as
 * `ElementRun` has it) -> iterations done of a repeated MOVS, in
 * the direction that DF gives. Registers are the caller's. For 16 and 32-bit code.
 */
export const COPY_ELEMENTS: SupportFunction = copyElements("copyElements", false);
/** The same for 64-bit code. */
export const COPY_ELEMENTS_WIDE: SupportFunction = copyElements("copyElementsWide", true);
