import type { AddressTranslator, MachineMemory } from "@xenolith/machine-interface";
import {
  buildInterpreter,
  type InterpreterEnvironment,
  type InterpreterFunction,
} from "../interpreter/build-interpreter.ts";
import { createHandlerTable, type HandlerTable } from "../interpreter/handlers.ts";
import { RECORD_BYTES } from "../interpreter/record.ts";
import { createSupportModule } from "../support/support-module.ts";
import { CarefulAccess } from "./careful-access.ts";
import { CodeCache } from "./code-cache.ts";
import { ModeTable } from "./mode.ts";
import { RecordArena } from "./record-arena.ts";
import { RecordBuilder } from "./record-builder.ts";
import { StateWindow } from "./state-window.ts";

/** Memory and options of an engine. */
export interface EngineOptions {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  /** Bytes for decoded code. Default 16 MiB; when it is used up, all is decoded anew. */
  readonly recordBytes?: number;
}

const DEFAULT_RECORD_BYTES = 0x100_0000;
/** Records of a block that was cut to the budget, with its stop. */
const SCRATCH_RECORDS = 256;

/** What all VCPUs of one machine share: decoded code, the interpreters generated so far, and slow accesses. */
export class Engine {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  readonly handlers: HandlerTable = createHandlerTable(false);
  readonly modes: ModeTable = new ModeTable();
  readonly builder: RecordBuilder;
  readonly code: CodeCache;
  readonly accesses: CarefulAccess;
  readonly window: StateWindow;
  /** Room for records that are copied for one run. */
  readonly scratch: number;
  /** Counts how often mode numbers began anew: a mode of another generation means nothing. */
  modeGeneration = 0;
  readonly #environment: InterpreterEnvironment;
  #fast: InterpreterFunction | null = null;
  #careful: InterpreterFunction | null = null;

  constructor(options: EngineOptions) {
    const { machine, translator } = options;
    this.machine = machine;
    this.translator = translator;
    const arena = new RecordArena(machine, options.recordBytes ?? DEFAULT_RECORD_BYTES);
    this.builder = new RecordBuilder(arena, this.handlers);
    this.code = new CodeCache(machine, arena, this.builder, this.handlers);
    this.scratch = machine.reserve(SCRATCH_RECORDS * RECORD_BYTES);
    this.accesses = new CarefulAccess(machine);
    this.window = new StateWindow(machine);
    this.#environment = {
      memory: machine.memory,
      translator,
      support: createSupportModule({ machine, translator, state: this.window.base }),
      jumpCache: this.code.jumpCache,
      state: this.window.base,
      announceStore: (host, sizeBytes) => this.accesses.announceStore(host >>> 0, sizeBytes),
      access: (address, flags) => this.accesses.access(address, flags),
      commit: () => this.accesses.commit(),
    };
  }

  /** The interpreter for code with a flat stack. */
  get fast(): InterpreterFunction {
    this.#fast ??= buildInterpreter({ wide: false, careful: false }, this.#environment);
    return this.#fast;
  }

  /** The interpreter for any stack and for accesses that the fast one refuses. Generated when first needed. */
  get careful(): InterpreterFunction {
    this.#careful ??= buildInterpreter({ wide: false, careful: true }, this.#environment);
    return this.#careful;
  }

  /** Makes room when records or modes run out. */
  flushIfFull(): void {
    if (!this.code.isFull && !this.modes.isFull) return;
    this.code.flush();
    this.modes.clear();
    this.modeGeneration += 1;
  }
}
