import { ACCESS, TLB_TAG } from "@xenolith/machine-interface";
import { type PackedFault, packFault, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { Block } from "./block.ts";
import type { FetchSecondPage } from "./block-decoder.ts";
import type { CodePlace } from "./code-place.ts";
import type { CodeWidth } from "./code-width.ts";
import type { Engine } from "./engine.ts";
import type { VcpuMemory } from "./linear-memory.ts";
import type { Mode } from "./mode.ts";
import { instructionAt } from "./present-instruction.ts";
import type { RunObserver } from "./run-observer.ts";
import { accessFault, isAccessFault } from "./system-operations.ts";

const LAST_NARROW = 0xffff_ffff;

/** The code that a VCPU comes to next: in which mode it is decoded, where it lies, and the records to go on with. */
export class PresentCode {
  readonly #engine: Engine;
  readonly #state: VcpuState;
  readonly #memory: VcpuMemory;
  #mode: Mode | null = null;
  #modeGeneration = -1;
  #linearLimit = 0;
  #ignoresStops = false;

  constructor(engine: Engine, state: VcpuState, memory: VcpuMemory) {
    this.#engine = engine;
    this.#state = state;
    this.#memory = memory;
  }

  /** How code is decoded; null before the first {@link activate}. */
  get mode(): Mode | null {
    return this.#mode;
  }

  /** Makes space and mode those of the registers. */
  activate(): void {
    const state = this.#state;
    const memory = this.#memory;
    const { translator } = this.#engine;
    const limit = translator.contextOf(memory.space).linearLimit ?? LAST_NARROW;
    const isKnown = this.#modeGeneration === this.#engine.modeGeneration && this.#linearLimit === limit;
    if (state.modeIsStale || !isKnown) {
      this.#engine.flushIfFull();
      this.#modeGeneration = this.#engine.modeGeneration;
      this.#linearLimit = limit;
      const modes = this.#ignoresStops ? this.#engine.modesWithoutStops : this.#engine.modes;
      this.#mode = modes.modeOf(state, limit);
      state.setU32(STATE.mode, this.#mode.number);
      state.modeIsStale = false;
      memory.isNarrow = this.#mode.codeBytes !== 8;
    }
    const user = state.privilege === 3 ? TLB_TAG.user : 0;
    const narrow = memory.isNarrow ? TLB_TAG.narrow : 0;
    state.setU32(STATE.spaceTag, translator.activate(memory.space) | user | narrow);
  }

  /** Makes it so that the instruction that comes is decoded as the observer wants it, in the space as it is now. */
  follow(observer: RunObserver): void {
    const hasChanged = observer.takeChanges();
    if (hasChanged) this.#engine.flush();
    if (hasChanged || this.#ignoresStops !== observer.ignoresStops) this.#state.modeIsStale = true;
    this.#ignoresStops = observer.ignoresStops;
    this.activate();
  }

  #place(mode: Mode): CodePlace | PackedFault {
    const { instructionPointer } = this.#state;
    if (instructionPointer > mode.codeLimit) return packFault(VECTOR.generalProtection, 0);
    const isWide = mode.codeBytes === 8;
    const linear = isWide ? instructionPointer : (instructionPointer + mode.codeBase) >>> 0;
    const host = this.#memory.translate(linear, ACCESS.execute);
    return isAccessFault(host) ? accessFault(host) : { instructionPointer, linear, mode, host };
  }

  readonly #fetchSecondPage: FetchSecondPage = (linear) => {
    const host = this.#memory.translateNext(linear, ACCESS.execute);
    return isAccessFault(host) ? { fault: accessFault(host), host: 0 } : { fault: 0, host };
  };

  /** The block that comes, decoded if need be. */
  resolve(mode: Mode): Block | PackedFault {
    const { code } = this.#engine;
    if (code.isFull) code.flush();
    const place = this.#place(mode);
    if (typeof place === "number") return place;
    const block = code.resolve(place, this.#fetchSecondPage);
    if (typeof block !== "number") code.remember(block);
    return block;
  }

  /** The record to begin a block with, or 0 when it is a translation; it is translated now if it is time. */
  begin(block: Block, mode: Mode, width: CodeWidth): number {
    const { code, hotCode, translations, translates } = this.#engine;
    if (!translates) return block.record;
    const source = width.indirectSource(this.#state.u32(STATE.exitRecord), this.#state);
    if (source !== null) code.reachedIndirectly(block, source);
    if (code.becomesHot(block)) {
      if (translations.isFull) code.forgetTranslations(translations);
      hotCode.translate(block, mode);
    }
    return code.isTranslated(block) ? 0 : block.record;
  }

  /** Copies the part of the block that comes that the budget covers. @returns its record */
  cutBlock(mode: Mode): number {
    const state = this.#state;
    const engine = this.#engine;
    const record = state.u32(STATE.exitRecord);
    const place = this.#place(mode);
    const stop = engine.widthOf(mode).handlers.special("stop");
    const from = typeof place === "number" ? null : place;
    engine.code.copyStart(from, record, state.i32(STATE.budget), engine.scratch, stop);
    return engine.scratch;
  }

  /** The instruction at the instruction pointer, if it can be fetched. */
  get instruction(): Instruction | null {
    const place = this.#mode === null ? 0 : this.#place(this.#mode);
    return typeof place === "number" ? null : instructionAt(this.#engine.machine, this.#memory, place);
  }
}
