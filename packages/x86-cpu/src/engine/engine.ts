import type { AddressTranslator, MachineMemory } from "@xenolith/machine-interface";
import type { InterpreterEnvironment } from "../interpreter/build-interpreter.ts";
import { JUMP_CACHE_BYTES } from "../interpreter/jump-cache.ts";
import { RECORD_BYTES } from "../interpreter/record.ts";
import { createSupportModule } from "../support/support-module.ts";
import { CarefulAccess } from "./careful-access.ts";
import { CodeCache } from "./code-cache.ts";
import { CodeWidth, type CodeWidths } from "./code-width.ts";
import { type Mode, ModeTable } from "./mode.ts";
import { RecordArena } from "./record-arena.ts";
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
  readonly modes: ModeTable = new ModeTable();
  readonly widths: CodeWidths;
  readonly code: CodeCache;
  readonly accesses: CarefulAccess;
  readonly window: StateWindow;
  /** Room for records that are copied for one run. */
  readonly scratch: number;
  /** Counts how often mode numbers began anew: a mode of another generation means nothing. */
  modeGeneration = 0;

  constructor(options: EngineOptions) {
    const { machine, translator } = options;
    this.machine = machine;
    this.translator = translator;
    const arena = new RecordArena(machine, options.recordBytes ?? DEFAULT_RECORD_BYTES);
    const jumpCache = machine.reserve(JUMP_CACHE_BYTES);
    this.scratch = machine.reserve(SCRATCH_RECORDS * RECORD_BYTES);
    this.accesses = new CarefulAccess(machine);
    this.window = new StateWindow(machine);
    const environment: InterpreterEnvironment = {
      memory: machine.memory,
      translator,
      support: createSupportModule({ machine, translator, state: this.window.base }),
      jumpCache,
      state: this.window.base,
      announceStore: (host, sizeBytes) => this.accesses.announceStore(host >>> 0, sizeBytes),
      access: (address, flags) => this.accesses.access(address, flags),
      commit: () => this.accesses.commit(),
    };
    this.widths = {
      narrow: new CodeWidth(false, arena, environment),
      wide: new CodeWidth(true, arena, environment),
    };
    this.code = new CodeCache(machine, arena, this.widths, jumpCache);
  }

  /** The parts for code of a mode. */
  widthOf(mode: Mode): CodeWidth {
    return mode.codeBytes === 8 ? this.widths.wide : this.widths.narrow;
  }

  /** Makes room when records or modes run out. */
  flushIfFull(): void {
    if (!this.code.isFull && !this.modes.isFull) return;
    this.code.flush();
    this.modes.clear();
    this.modeGeneration += 1;
  }
}
