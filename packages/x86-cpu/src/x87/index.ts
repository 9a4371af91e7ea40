import type { SupportFunction } from "../support/support-function.ts";
import { X87_ARITHMETIC } from "./arithmetic-functions.ts";
import { X87_COMPARE, X87_COMPARE_FLAGS, X87_COMPARE_REGISTER, X87_EXAMINE } from "./compare-functions.ts";
import { X87_FREE, X87_LOAD_CONTROL, X87_TURN } from "./control-functions.ts";
import {
  X87_LOAD_CONSTANT,
  X87_LOAD_DECIMAL,
  X87_LOAD_DOUBLE,
  X87_LOAD_INTEGER,
  X87_LOAD_REGISTER,
  X87_LOAD_SINGLE,
} from "./load-functions.ts";
import { X87_CHANGE_SIGN, X87_COPY, X87_EXCHANGE, X87_MOVE_IF } from "./register-functions.ts";
import { X87_POP, X87_PUSH, X87_RAISE, X87_RESULT } from "./results.ts";
import { STACK_OPERATIONS } from "./stack-operations.ts";
import {
  X87_STORE_DECIMAL,
  X87_STORE_DOUBLE,
  X87_STORE_EXTENDED,
  X87_STORE_INTEGER,
  X87_STORE_SINGLE,
  X87_STORED,
} from "./store-functions.ts";

/** x87 instructions on the registers of the state block. */
export const X87_FUNCTIONS: readonly SupportFunction[] = [
  X87_RAISE,
  X87_RESULT,
  X87_POP,
  X87_PUSH,
  ...X87_ARITHMETIC.flatMap(({ registers, popping, value }) => [registers, popping, value]),
  X87_COMPARE,
  X87_COMPARE_REGISTER,
  X87_COMPARE_FLAGS,
  X87_EXAMINE,
  X87_LOAD_DOUBLE,
  X87_LOAD_SINGLE,
  X87_LOAD_INTEGER,
  X87_LOAD_DECIMAL,
  X87_LOAD_REGISTER,
  X87_LOAD_CONSTANT,
  X87_STORED,
  X87_STORE_DOUBLE,
  X87_STORE_SINGLE,
  X87_STORE_INTEGER,
  X87_STORE_EXTENDED,
  X87_STORE_DECIMAL,
  X87_COPY,
  X87_MOVE_IF,
  X87_EXCHANGE,
  X87_CHANGE_SIGN,
  X87_LOAD_CONTROL,
  X87_FREE,
  X87_TURN,
  ...STACK_OPERATIONS.map(({ support }) => support),
];
