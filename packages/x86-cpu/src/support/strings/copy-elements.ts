import { add, compare, ltU, ne, select, sub, TYPE, type Value } from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support-function.ts";
import { ElementRun } from "./element-run.ts";

/** Emits a loop that goes on while a condition holds. */
const emitWhile = ({ body }: ElementRun, condition: Value, turn: () => void): void => {
  const loop = body.loop();
  body.if(condition);
  turn();
  body.branch(loop);
  body.end();
  body.end();
};

/**
 * Copies the bytes of a piece as one iteration after another would. Where the destination lies ahead of the source and they
 * overlap, iterations read what others have written, so the bytes between both repeat: they are copied, then what is there by
 * then, and so on.
 */
const emitCopy = (run: ElementRun, from: Value, to: Value, ahead: Value, ready: Value, more: Value): void => {
  const { body, lengthBytes, isDown, sizeBytes } = run;
  const atStart = (at: Value, bytes: Value): Value => select(sub(add(at, lengthBytes), bytes), at, isDown);
  body.set(ahead, select(sub(from, to), sub(to, from), isDown));
  body.if(compare("geU", ahead, lengthBytes));
  body.copyMemory(to, from, lengthBytes);
  body.else();
  // Less than an element ahead, nothing repeats: one is copied alone.
  body.if(ltU(ahead, sizeBytes));
  body.set(from, atStart(from, sizeBytes));
  body.set(to, atStart(to, sizeBytes));
  run.shorten();
  body.copyMemory(to, from, lengthBytes);
  body.else();
  body.copyMemory(atStart(to, ahead), atStart(from, ahead), ahead);
  body.set(ready, ahead);
  emitWhile(run, ne(ready, lengthBytes), () => {
    body.set(more, sub(lengthBytes, ready));
    body.set(more, select(ready, more, ltU(ready, more)));
    const next = select(sub(sub(add(to, lengthBytes), ready), more), add(to, ready), isDown);
    body.copyMemory(next, atStart(to, more), more);
    body.set(ready, add(ready, more));
  });
  body.end();
  body.end();
};

const copyElements = (name: string, isWide: boolean): SupportFunction => {
  const address = isWide ? TYPE.i64 : TYPE.i32;
  return {
    name,
    parameters: [address, address, TYPE.i32, TYPE.i32],
    results: [TYPE.i32],
    emit(body, context) {
      const source = body.parameter(0);
      const destination = body.parameter(1);
      const run = new ElementRun(body, context, isWide, body.parameter(2), body.parameter(3));
      const [ahead, ready, more] = [body.local(TYPE.i32), body.local(TYPE.i32), body.local(TYPE.i32)];
      run.prepare();
      run.emit([source, destination], () => {
        const from = run.locate(source, false);
        const to = run.locate(destination, true);
        emitCopy(run, from, to, ahead, ready, more);
      });
    },
  };
};

/**
 * (linear address of the source, of the destination, most iterations, `RUN_SHAPE`) -> iterations done of a repeated MOVS, in
 * the direction that DF gives. Registers are the caller's. For 16 and 32-bit code.
 */
export const COPY_ELEMENTS: SupportFunction = copyElements("copyElements", false);
/** The same for 64-bit code. */
export const COPY_ELEMENTS_WIDE: SupportFunction = copyElements("copyElementsWide", true);
