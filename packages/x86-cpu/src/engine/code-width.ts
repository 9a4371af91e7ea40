import type { Feature } from "../decoder/features.ts";
import {
  buildApart,
  buildInterpreter,
  type InterpreterEnvironment,
  type InterpreterFunction,
} from "../interpreter/build-interpreter.ts";
import { createHandlerTable, type HandlerTable } from "../interpreter/handlers.ts";
import { INDIRECT_EXIT, RECORD } from "../interpreter/record.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
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
  /** Whether the interpreters have the handlers that are kept apart: generated when code needs them. */
  #hasFastApart = false;
  #hasCarefulApart = false;

  readonly #translates: boolean;
  readonly #arena: RecordArena;

  constructor(
    isWide: boolean,
    arena: RecordArena,
    environment: InterpreterEnvironment,
    options: {
      readonly translates: boolean;
      readonly features: ReadonlySet<Feature>;
      readonly leavesSystem: boolean;
    },
  ) {
    this.#translates = options.translates;
    this.#arena = arena;
    this.isWide = isWide;
    this.handlers = createHandlerTable(isWide, options.leavesSystem);
    this.builder = new RecordBuilder(arena, this.handlers, options.features);
    this.#environment = environment;
  }

  /** Where the indirect jump or call is through which control left, given its record or the mark of translations; null: none. */
  indirectSource(record: number, state: VcpuState): number | null {
    if (record === INDIRECT_EXIT) return state.address(STATE.exitSource);
    const handler = this.handlers.handlers[this.#arena.u16(record, RECORD.handler)];
    const { mnemonic, operands } = handler?.form ?? { mnemonic: "", operands: [] };
    const isIndirect = operands.length > 0 && (mnemonic === "jmp" || mnemonic === "call");
    return record > 0 && isIndirect ? this.#arena.wide(record, RECORD.instructionPointer) : null;
  }

  /** Runs code with a flat stack: the interpreter, which also enters translations where there are to be any. */
  get fast(): InterpreterFunction {
    const shape = { wide: this.isWide, careful: false, counts: this.#translates };
    this.#fast ??= buildInterpreter(shape, this.#environment);
    if (!this.#hasFastApart && this.builder.usesApart) {
      this.#hasFastApart = true;
      buildApart(shape, this.#environment);
    }
    return this.#fast;
  }

  /** The interpreter for any stack and for accesses that the fast one refuses. */
  get careful(): InterpreterFunction {
    const shape = { wide: this.isWide, careful: true, counts: false };
    this.#careful ??= buildInterpreter(shape, this.#environment);
    if (!this.#hasCarefulApart && this.builder.usesApart) {
      this.#hasCarefulApart = true;
      buildApart(shape, this.#environment);
    }
    return this.#careful;
  }
}

/** Both widths. */
export interface CodeWidths {
  readonly narrow: CodeWidth;
  readonly wide: CodeWidth;
}
