import {
  add,
  and,
  compare,
  eq,
  i64,
  ltU,
  mul,
  splat,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support-function.ts";
import { ElementRun } from "./element-run.ts";

/** Factors that repeat the low bits of an i64 over all of it, by log2 of their bytes, and the bits. */
const REPEATED = [
  { mask: 0xffn, factor: 0x0101_0101_0101_0101n },
  { mask: 0xffffn, factor: 0x0001_0001_0001_0001n },
  { mask: 0xffff_ffffn, factor: 0x0000_0001_0000_0001n },
] as const;

const VECTOR_BYTES = 16;

/** Makes a local with an element's value the pattern that it leaves in 8 bytes of memory. */
const emitPattern = ({ body, log }: ElementRun, pattern: Value): void => {
  REPEATED.forEach(({ mask, factor }, size) => {
    body.if(eq(log, size));
    body.set(pattern, mul(and(pattern, i64(mask)), i64(factor)));
    body.end();
  });
};

/** Stores a pattern of more than one byte over a piece. */
const emitPatternFill = (run: ElementRun, to: Value, pattern: Value, at: Value): void => {
  const { body, log, lengthBytes, sizeBytes } = run;
  const vector = splat("i64x2", pattern);
  const end = add(to, lengthBytes);
  body.set(at, to);
  body.if(compare("geU", lengthBytes, VECTOR_BYTES));
  const loop = body.loop();
  body.store(VECTOR_BYTES, at, vector);
  body.set(at, add(at, VECTOR_BYTES));
  body.branchIf(loop, compare("leU", add(at, VECTOR_BYTES), end));
  body.end();
  // What is left begins at an element's border, as the last 16 bytes do.
  body.store(VECTOR_BYTES, sub(end, VECTOR_BYTES), vector);
  body.else();
  const each = body.loop();
  for (const size of [1, 2, 3]) {
    body.if(eq(log, size));
    body.store(2 ** size, at, pattern);
    body.end();
  }
  body.set(at, add(at, sizeBytes));
  body.branchIf(each, ltU(at, end));
  body.end();
  body.end();
};

const fillElements = (name: string, isWide: boolean): SupportFunction => ({
  name,
  parameters: [TYPE.i64, isWide ? TYPE.i64 : TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i32],
  results: [TYPE.i32],
  emit(body, context) {
    const pattern = body.parameter(0);
    const destination = body.parameter(1);
    const run = new ElementRun(
      body,
      context,
      isWide,
      body.parameter(2),
      body.parameter(3),
      body.parameter(4),
    );
    const isUniform = body.local(TYPE.i32);
    const at = body.local(TYPE.i32);
    run.prepare();
    emitPattern(run, pattern);
    const [{ mask, factor }] = REPEATED;
    body.set(isUniform, eq(pattern, mul(and(pattern, i64(mask)), i64(factor))));
    run.emit([destination], () => {
      const to = run.locate(destination, true);
      body.if(isUniform);
      body.fillMemory(to, wrap(pattern), run.lengthBytes);
      body.else();
      emitPatternFill(run, to, pattern, at);
      body.end();
    });
  },
});

/**
 * (value, linear address, most iterations, log2 of the element's size, record or 0 as
 * `ElementRun` has it) -> iterations done of a repeated STOS, in the direction that DF gives.
 * Registers are the caller's. For 16 and 32-bit code.
 */
export const FILL_ELEMENTS: SupportFunction = fillElements("fillElements", false);
/** The same for 64-bit code. */
export const FILL_ELEMENTS_WIDE: SupportFunction = fillElements("fillElementsWide", true);
