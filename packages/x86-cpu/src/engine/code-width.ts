import type { Feature } from "../decoder/features.ts";
import {
  buildInterpreter,
  buildPart,
  type InterpreterEnvironment,
  type InterpreterFunction,
} from "../interpreter/build-interpreter.ts";
import { createHandlerTable, type HandlerTable } from "../interpreter/handlers.ts";
import type { InterpreterShape } from "../interpreter/interpreter-machine.ts";
import { INDIRECT_EXIT, RECORD } from "../interpreter/record.ts";
import type { SystemCode } from "../meanings/definition.ts";
import { PART, type Part } from "../meanings/part.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { RecordArena } from "./record-arena.ts";
import { RecordBuilder } from "./record-builder.ts";

/** What an engine is made for, as far as it concerns decoded code. */
interface WidthOptions {
  readonly translates: boolean;
  readonly features: ReadonlySet<Feature>;
  readonly system: SystemCode;
}

/**
 * The parts of an engine that exist once for 16 and 32-bit code (narrow) and once for 64-bit code (wide): in wide code
 * addresses and lazy flags are i64, and there are other forms. All of it is made when first needed.
 */
export class CodeWidth {
  readonly isWide: boolean;
  #handlers: HandlerTable | null = null;
  #builder: RecordBuilder | null = null;
  readonly #environment: InterpreterEnvironment;
  #fast: InterpreterFunction | null = null;
  #careful: InterpreterFunction | null = null;
  /** Parts that the interpreters have. */
  readonly #fastParts = new Set<Part>();
  readonly #carefulParts = new Set<Part>();

  readonly #options: WidthOptions;
  readonly #arena: RecordArena;

  constructor(
    isWide: boolean,
    arena: RecordArena,
    environment: InterpreterEnvironment,
    options: WidthOptions,
  ) {
    this.#options = options;
    this.#arena = arena;
    this.isWide = isWide;
    this.#environment = environment;
  }

  get handlers(): HandlerTable {
    this.#handlers ??= createHandlerTable(this.isWide, this.#options.system);
    return this.#handlers;
  }

  get builder(): RecordBuilder {
    this.#builder ??= new RecordBuilder(this.#arena, this.handlers, this.#options.features);
    return this.#builder;
  }

  /** Forgets all instructions: the records are gone. */
  clear(): void {
    this.#builder?.clear();
  }

  /** Where the indirect jump or call is through which control left, given its record or the mark of translations; null: none. */
  indirectSource(record: number, state: VcpuState): number | null {
    if (record === INDIRECT_EXIT) return state.address(STATE.exitSource);
    const handler = this.handlers.handler(this.#arena.u16(record, RECORD.handler));
    const { mnemonic, operands } = handler?.form ?? { mnemonic: "", operands: [] };
    const isIndirect = operands.length > 0 && (mnemonic === "jmp" || mnemonic === "call");
    if (record === 0 || !isIndirect) return null;
    const source = this.#arena.instructionPointer(record);
    return this.isWide ? source : source >>> 0;
  }

  /** Runs code with a flat stack: the interpreter, which also enters translations where there are to be any. */
  get fast(): InterpreterFunction {
    const shape = { wide: this.isWide, careful: false, counts: this.#options.translates };
    this.#fast ??= buildInterpreter(shape, this.handlers, this.#environment);
    this.#buildParts(shape, this.#fastParts);
    return this.#fast;
  }

  /**
   * The interpreter for any stack and for accesses that the fast one refuses. It does little: where it leaves for a careful
   * interpreter itself, it needs {@link buildCarefulParts}.
   */
  get careful(): InterpreterFunction {
    this.#careful ??= buildInterpreter(this.#carefulShape, this.handlers, this.#environment);
    return this.#careful;
  }

  /** Generates the parts that the careful interpreter lacks. */
  buildCarefulParts(): void {
    this.#buildParts(this.#carefulShape, this.#carefulParts);
  }

  get #carefulShape(): InterpreterShape {
    return { wide: this.isWide, careful: true, counts: false };
  }

  /** Generates the parts that code needs and that are not there yet. */
  #buildParts(shape: InterpreterShape, built: Set<Part>): void {
    const used = this.#builder?.usedParts;
    if (used === undefined || used.size === built.size) return;
    for (const part of used) {
      if (!built.has(part) && part !== PART.common) buildPart(shape, this.handlers, this.#environment, part);
      built.add(part);
    }
  }
}

/** Both widths. */
export interface CodeWidths {
  readonly narrow: CodeWidth;
  readonly wide: CodeWidth;
}
