import {
  buildInterpreter,
  type InterpreterEnvironment,
  type InterpreterFunction,
} from "../interpreter/build-interpreter.ts";
import { createHandlerTable, type HandlerTable } from "../interpreter/handlers.ts";
import type { RecordArena } from "./record-arena.ts";
import { RecordBuilder } from "./record-builder.ts";

/**
 * The parts of an engine that exist once for 16 and 32-bit code (narrow) and once for 64-bit code (wide): in wide code
 * addresses and lazy flags are i64, and there are other forms. Interpreters are generated when first needed.
 */
export class CodeWidth {
  readonly isWide: boolean;
  readonly handlers: HandlerTable;
  readonly builder: RecordBuilder;
  readonly #environment: InterpreterEnvironment;
  #fast: InterpreterFunction | null = null;
  #careful: InterpreterFunction | null = null;

  constructor(isWide: boolean, arena: RecordArena, environment: InterpreterEnvironment) {
    this.isWide = isWide;
    this.handlers = createHandlerTable(isWide);
    this.builder = new RecordBuilder(arena, this.handlers);
    this.#environment = environment;
  }

  /** The interpreter for code with a flat stack. */
  get fast(): InterpreterFunction {
    this.#fast ??= buildInterpreter({ wide: this.isWide, careful: false }, this.#environment);
    return this.#fast;
  }

  /** The interpreter for any stack and for accesses that the fast one refuses. */
  get careful(): InterpreterFunction {
    this.#careful ??= buildInterpreter({ wide: this.isWide, careful: true }, this.#environment);
    return this.#careful;
  }
}

/** Both widths. */
export interface CodeWidths {
  readonly narrow: CodeWidth;
  readonly wide: CodeWidth;
}
