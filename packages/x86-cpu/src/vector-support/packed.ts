import {
  and,
  convert,
  extractLane,
  type FunctionBody,
  i32,
  isZero,
  load,
  ne,
  or,
  replaceLane,
  select,
  shrU,
  shuffle,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { CR4 } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { ARITHMETIC_LANE } from "./arithmetic-lane.ts";
import {
  EARLY_FLAGS,
  FROM_INTEGER_LANE,
  INTEGRAL_LANE,
  RESIZE_LANE,
  TO_INTEGER_LANE,
} from "./convert-lane.ts";
import { MASK_SHIFT } from "./lane-format.ts";
import { returnQuickly } from "./quick-arithmetic.ts";

/**
 * What the functions of this file return last: whether the exceptions that arose are masked, or which fault they raise. Their
 * flags are in MXCSR in any case.
 */
export const OUTCOME = { done: 0, simdError: 1, invalidOpcode: 2 } as const;

/** (flags) -> outcome: puts flags into MXCSR. An unmasked early exception keeps the later ones away. [SDM1-11.5.2] */
const RAISE: SupportFunction = {
  name: "raiseVectorFlags",
  parameters: [TYPE.i32],
  results: [TYPE.i32],
  emit: (body, { state }) => {
    const flags = body.parameter(0);
    const base = i32(state);
    const mxcsr = load(TYPE.i32, 4, false, base, STATE.mxcsr);
    const unmasked = (raised: Value): Value =>
      and(raised, xor(shrU(load(TYPE.i32, 4, false, base, STATE.mxcsr), MASK_SHIFT), -1));
    body.if(unmasked(and(flags, EARLY_FLAGS)));
    body.set(flags, and(flags, EARLY_FLAGS));
    body.end();
    body.store(4, base, or(mxcsr, flags), STATE.mxcsr);
    const control = load(TYPE.i32, 4, false, base, STATE.control + 8 * 4);
    const fault = select(i32(OUTCOME.simdError), i32(OUTCOME.invalidOpcode), and(control, CR4.osxmmexcpt));
    body.push(select(fault, i32(OUTCOME.done), ne(unmasked(and(flags, 0x3f)), 0)));
  },
};

/** Format of the numbers that a function works on: bit 0 doubles, bit 1 only the lowest. */
export const FORMAT = { double: 1, scalar: 2 } as const;

/** Does something with lane 0 of vectors and turns them, until every lane was lane 0. */
class LaneLoop {
  readonly body: FunctionBody;
  readonly context: SupportContext;
  readonly flags: Value;

  constructor(body: FunctionBody, context: SupportContext) {
    this.body = body;
    this.context = context;
    this.flags = body.local(TYPE.i32);
  }

  /** Lane 0 as bits of a float. */
  lowest(vector: Value, isDouble: Value): Value {
    const single = convert(extractLane("i32x4", vector, 0), TYPE.i64);
    return select(extractLane("i64x2", vector, 0), single, isDouble);
  }

  setLowest(vector: Value, bits: Value, isDouble: Value): void {
    this.body.if(isDouble);
    this.body.set(vector, replaceLane("i64x2", vector, 0, bits));
    this.body.else();
    this.body.set(vector, replaceLane("i32x4", vector, 0, wrap(bits)));
    this.body.end();
  }

  turn(vector: Value, isDouble: Value): void {
    this.body.if(isDouble);
    this.body.set(vector, shuffle(vector, vector, turned(8)));
    this.body.else();
    this.body.set(vector, shuffle(vector, vector, turned(4)));
    this.body.end();
  }

  /** Calls a function of lanes and collects its flags. */
  call(support: SupportFunction, ...values: readonly Value[]): Value {
    const bits = this.body.local(TYPE.i64);
    const raised = this.body.local(TYPE.i32);
    this.body.callInto(this.context.indexOf(support), [bits, raised], ...values);
    this.body.set(this.flags, or(this.flags, raised));
    return bits;
  }

  times(count: Value, step: () => void): void {
    const left = this.body.local(TYPE.i32);
    this.body.set(left, count);
    const again = this.body.loop();
    step();
    this.body.set(left, sub(left, 1));
    this.body.branchIf(again, left);
    this.body.end();
  }

  /** Leaves a result and the outcome. */
  finish(result: Value): void {
    this.body.push(result);
    this.body.call(this.context.indexOf(RAISE), this.flags);
  }
}

const turned = (bytes: number): number[] => Array.from({ length: 16 }, (_, index) => (index + bytes) % 16);

/** Operation of {@link PACKED_ARITHMETIC}: subtracts in even lanes, adds in odd ones. */
export const SUBTRACT_AND_ADD = 9;

/** (operation, format, a, b) -> (vector, outcome): `LANE_OPERATION` on vectors; scalar: the rest is that of a. */
export const PACKED_ARITHMETIC: SupportFunction = {
  name: "packedArithmetic",
  parameters: [TYPE.i32, TYPE.i32, TYPE.v128, TYPE.v128],
  results: [TYPE.v128, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    const operation = body.parameter(0);
    const a = body.parameter(2);
    const b = body.parameter(3);
    const isDouble = body.local(TYPE.i32);
    const present = body.local(TYPE.i32);
    body.set(isDouble, and(body.parameter(1), FORMAT.double));
    body.set(present, operation);
    const isScalar = and(body.parameter(1), FORMAT.scalar);
    returnQuickly(body, context.state, { operation, isDouble, isScalar, a, b }, (first, result, double) =>
      shuffle(
        first,
        result,
        Array.from({ length: 16 }, (_, byte) => (byte < (double ? 8 : 4) ? 16 + byte : byte)),
      ),
    );
    const step = (): Value => {
      const bits = loop.call(
        ARITHMETIC_LANE,
        present,
        isDouble,
        loop.lowest(a, isDouble),
        loop.lowest(b, isDouble),
      );
      loop.setLowest(a, bits, isDouble);
      return bits;
    };
    body.if(isScalar);
    step();
    body.else();
    const isAlternating = body.local(TYPE.i32);
    body.set(isAlternating, isZero(xor(operation, SUBTRACT_AND_ADD)));
    body.if(isAlternating);
    body.set(present, i32(1));
    body.end();
    loop.times(select(i32(2), i32(4), isDouble), () => {
      step();
      body.set(present, select(xor(present, 1), present, isAlternating));
      loop.turn(a, isDouble);
      loop.turn(b, isDouble);
    });
    body.end();
    loop.finish(a);
  },
};

/** (isDouble, control, vector, lanes) -> (vector, outcome): rounds the lowest lanes to integers; see `INTEGRAL_LANE`. */
export const PACKED_INTEGRAL: SupportFunction = {
  name: "packedIntegral",
  parameters: [TYPE.i32, TYPE.i32, TYPE.v128, TYPE.i32],
  results: [TYPE.v128, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    const isDouble = body.parameter(0);
    const a = body.parameter(2);
    const step = (): void => {
      const bits = loop.call(INTEGRAL_LANE, isDouble, loop.lowest(a, isDouble), body.parameter(1));
      loop.setLowest(a, bits, isDouble);
    };
    body.if(isZero(xor(body.parameter(3), 1)));
    step();
    body.else();
    loop.times(body.parameter(3), () => {
      step();
      loop.turn(a, isDouble);
    });
    body.end();
    loop.finish(a);
  },
};

/** (toDouble, bits) -> (bits, outcome): one float in the other format. */
export const SCALAR_RESIZE: SupportFunction = {
  name: "scalarResize",
  parameters: [TYPE.i32, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    loop.finish(loop.call(RESIZE_LANE, body.parameter(0), body.parameter(1)));
  },
};

/** (toDouble, vector) -> (vector, outcome): the two lowest floats in the other format. */
export const PACKED_RESIZE: SupportFunction = {
  name: "packedResize",
  parameters: [TYPE.i32, TYPE.v128],
  results: [TYPE.v128, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    const toDouble = body.parameter(0);
    const isSingle = body.local(TYPE.i32);
    const source = body.parameter(1);
    const result = body.local(TYPE.v128);
    body.set(isSingle, isZero(toDouble));
    const low = loop.call(RESIZE_LANE, toDouble, loop.lowest(source, isSingle));
    loop.setLowest(result, low, toDouble);
    loop.turn(source, isSingle);
    const high = loop.call(RESIZE_LANE, toDouble, loop.lowest(source, isSingle));
    body.if(toDouble);
    body.set(result, replaceLane("i64x2", result, 1, high));
    body.else();
    body.set(result, replaceLane("i32x4", result, 1, wrap(high)));
    body.end();
    loop.finish(result);
  },
};

/** (isDouble, bits, `TO_INTEGER`) -> (i64, outcome). */
export const SCALAR_TO_INTEGER: SupportFunction = {
  name: "scalarToInteger",
  parameters: [TYPE.i32, TYPE.i64, TYPE.i32],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    loop.finish(loop.call(TO_INTEGER_LANE, body.parameter(0), body.parameter(1), body.parameter(2)));
  },
};

/** (isDouble, vector, `TO_INTEGER`, lanes) -> (vector, outcome): floats as 32-bit integers in the lowest lanes. */
export const PACKED_TO_INTEGER: SupportFunction = {
  name: "packedToInteger",
  parameters: [TYPE.i32, TYPE.v128, TYPE.i32, TYPE.i32],
  results: [TYPE.v128, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    const isDouble = body.parameter(0);
    const source = body.parameter(1);
    const lanes = body.parameter(3);
    const result = body.local(TYPE.v128);
    const single = i32(0);
    loop.times(lanes, () => {
      const integer = loop.call(TO_INTEGER_LANE, isDouble, loop.lowest(source, isDouble), body.parameter(2));
      body.set(result, replaceLane("i32x4", result, 0, wrap(integer)));
      loop.turn(source, isDouble);
      loop.turn(result, single);
    });
    body.if(isZero(xor(lanes, 2)));
    body.set(result, shuffle(result, result, turned(8)));
    body.end();
    loop.finish(result);
  },
};

/** (isDouble, i64) -> (bits, outcome). */
export const SCALAR_FROM_INTEGER: SupportFunction = {
  name: "scalarFromInteger",
  parameters: [TYPE.i32, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    loop.finish(loop.call(FROM_INTEGER_LANE, body.parameter(0), body.parameter(1)));
  },
};

/** (vector, lanes) -> (vector, outcome): 32-bit integers as floats of 32 bits. */
export const PACKED_FROM_INTEGER: SupportFunction = {
  name: "packedFromInteger",
  parameters: [TYPE.v128, TYPE.i32],
  results: [TYPE.v128, TYPE.i32],
  emit: (body, context) => {
    const loop = new LaneLoop(body, context);
    const vector = body.parameter(0);
    const single = i32(0);
    loop.times(body.parameter(1), () => {
      const integer = convert(extractLane("i32x4", vector, 0), TYPE.i64, true);
      loop.setLowest(vector, loop.call(FROM_INTEGER_LANE, single, integer), single);
      loop.turn(vector, single);
    });
    body.if(isZero(xor(body.parameter(1), 2)));
    body.set(vector, shuffle(vector, vector, turned(8)));
    body.end();
    loop.finish(vector);
  },
};

/** Every support function of vectors of floats. */
export const VECTOR_FLOAT_FUNCTIONS: readonly SupportFunction[] = [
  RAISE,
  PACKED_ARITHMETIC,
  PACKED_INTEGRAL,
  SCALAR_RESIZE,
  PACKED_RESIZE,
  SCALAR_TO_INTEGER,
  PACKED_TO_INTEGER,
  SCALAR_FROM_INTEGER,
  PACKED_FROM_INTEGER,
];
