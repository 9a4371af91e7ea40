import type { Exit } from "@xenolith/machine-interface";
import type { VcpuParts } from "../engine/vcpu.ts";
import { assembleProcessor, type BareProcessorOptions } from "../processor/bare.ts";
import { BareProcessor } from "../processor/bare-processor.ts";
import type { InstructionCounter } from "../processor/instruction-counter.ts";
import { Instrumentation } from "./instrumentation.ts";
import type {
  AccessEvent,
  AddressRange,
  CodeEvent,
  Hook,
  InstructionEvent,
  InstrumentedVcpu,
  ReadEvent,
  StopReason,
} from "./types.ts";
import { createWithholdingTranslator } from "./withholding-translator.ts";

class InstrumentedProcessor extends BareProcessor implements InstrumentedVcpu {
  readonly instrumentation: Instrumentation;

  constructor(parts: VcpuParts, counter: InstructionCounter) {
    super(parts, counter);
    this.instrumentation = new Instrumentation(this, () => this.invalidate());
    this.observer = this.instrumentation;
  }

  override run(budget: number): Exit {
    this.instrumentation.begin();
    return super.run(budget);
  }

  onExecute(range: AddressRange, handler: (event: CodeEvent) => void): Hook {
    return this.instrumentation.onExecute(range, handler);
  }

  onRead(range: AddressRange, handler: (event: ReadEvent) => void): Hook {
    return this.instrumentation.onRead(range, handler);
  }

  onWrite(range: AddressRange, handler: (event: AccessEvent) => void): Hook {
    return this.instrumentation.onWrite(range, handler);
  }

  onInstruction(handler: (event: InstructionEvent) => void): Hook {
    return this.instrumentation.onInstruction(handler);
  }

  addBreakpoint(address: number): Hook {
    return this.instrumentation.addBreakpoint(address);
  }

  addWatchpoint(range: AddressRange, kind: "read" | "write" | "any"): Hook {
    return this.instrumentation.addWatchpoint(range, kind);
  }

  get stopReason(): StopReason | null {
    return this.instrumentation.stopReason;
  }
}

/**
 * Makes a processor without a monitor into which one can look. Until something is installed it runs as fast as one of
 * `createBareProcessor`, but for a call into TypeScript per TLB miss.
 */
export const createInstrumentedProcessor = (options: BareProcessorOptions): InstrumentedVcpu => {
  let made: InstrumentedProcessor | null = null;
  const translator = createWithholdingTranslator(
    options.translator,
    options.memory,
    (page) => made?.instrumentation.isWithheld(page) === true,
  );
  made = assembleProcessor(
    { ...options, translator },
    (parts, counter) => new InstrumentedProcessor(parts, counter),
  );
  return made;
};
