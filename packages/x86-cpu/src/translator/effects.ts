import { FunctionBody, i32, local, TYPE, type Value, type ValueType, wrap } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import type { Handler } from "../interpreter/handlers.ts";
import type { FlagValues } from "../machine/conditions.ts";
import type { Form } from "../machine/form.ts";
import { type Extension, Machine, type MachineShape, typeOf } from "../machine/machine.ts";
import type { FlagsKind } from "../state/flags.ts";
import type { SupportFunction } from "../support/support-function.ts";

/** How an instruction treats the lazy flags: leaves them, sets some or sets them sometimes, sets all always. */
export const FLAG_EFFECT = { none: 0, partial: 1, full: 2 } as const;

/** An access that the instructions of a form make. */
export interface AccessEffect {
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** Whether it is made only sometimes. */
  readonly isConditional: boolean;
}

/** What the instructions of one form do, beyond what their operands say. Not to be changed once it is known. */
export interface Effects {
  /** Masks of general registers read and written that are not operands. */
  reads: number;
  writes: number;
  /** Bit n: operand n is read, written as a register. */
  operandReads: number;
  operandWrites: number;
  /** Masks of vector registers read and written that are not operands. */
  vectorReads: number;
  vectorWrites: number;
  /** One of {@link FLAG_EFFECT}. */
  flags: number;
  readsFlags: boolean;
  /** Whether it may leave the region before it is done. */
  mayLeave: boolean;
  /** Whether it ends in a transfer that a support function makes. */
  isSystem: boolean;
  /** Whether control may go elsewhere than behind it, or comes back to it: only then can a block end with it. */
  endsBlock: boolean;
  readonly support: SupportFunction[];
  readonly accesses: AccessEffect[];
  /** The only access, if it is always made and nothing else is done that the TLB depends on; else null. */
  onlyAccess: AccessEffect | null;
}

const newEffects = (): Effects => ({
  reads: 0,
  writes: 0,
  operandReads: 0,
  operandWrites: 0,
  vectorReads: 0,
  vectorWrites: 0,
  flags: FLAG_EFFECT.none,
  readsFlags: false,
  mayLeave: false,
  isSystem: false,
  endsBlock: false,
  support: [],
  accesses: [],
  onlyAccess: null,
});

const onlyAccessOf = ({ accesses, support }: Effects): AccessEffect | null => {
  const access = accesses.length === 1 && support.length === 0 ? accesses[0] : undefined;
  return access === undefined || access.isConditional ? null : access;
};

/** Runs meanings for what they ask of the machine. What they emit is thrown away. */
class ProbeMachine extends Machine {
  effects: Effects = newEffects();
  #conditional = 0;
  readonly #watchedFlags: FlagValues;

  constructor(body: FunctionBody, shape: MachineShape) {
    super(body, shape);
    const kept = this.keptFlags;
    const read = <T>(value: T): T => {
      this.effects.readsFlags = true;
      return value;
    };
    this.#watchedFlags = {
      get kind() {
        return read(null);
      },
      get dynamicKind() {
        return read(kept.dynamicKind);
      },
      get a() {
        return read(kept.a);
      },
      get b() {
        return read(kept.b);
      },
      get result() {
        return read(kept.result);
      },
    };
    this.flags = this.#watchedFlags;
  }

  begin({ form }: Handler): Effects {
    this.temporaries.reset();
    this.sizeBytes = form.sizeBytes;
    this.operands = form.operands;
    this.effects = newEffects();
    this.#conditional = 0;
    return this.effects;
  }

  #any(sizeBytes: number): Value {
    return local(0, typeOf(sizeBytes));
  }

  override pin(value: Value): Value {
    return value.isPinned ? value : this.temporary(value.type);
  }

  override register(index: number, sizeBytes: number): Value {
    this.effects.reads |= 1 << index;
    return this.#any(sizeBytes);
  }

  override setRegister(index: number, sizeBytes: number): void {
    this.effects.writes |= 1 << index;
    if (sizeBytes < 4) this.effects.reads |= 1 << index;
  }

  override setHighByte(): void {
    this.effects.reads |= 1 << REGISTER.rax;
    this.effects.writes |= 1 << REGISTER.rax;
  }

  protected override operandRegister(which: number, _extension: Extension): Value {
    this.effects.operandReads |= 1 << which;
    return this.#any(this.operandBytes(which));
  }

  protected override setOperandRegister(which: number): void {
    this.effects.operandWrites |= 1 << which;
  }

  override vectorRegister(index: number): Value {
    this.effects.vectorReads |= 1 << index;
    return local(0, TYPE.v128);
  }

  override setVectorRegister(index: number): void {
    this.effects.vectorWrites |= 1 << index;
  }

  protected override operandVector(which: number): Value {
    this.effects.operandReads |= 1 << which;
    return local(0, TYPE.v128);
  }

  protected override setOperandVector(which: number): void {
    this.effects.operandWrites |= 1 << which;
  }

  protected override immediate(which: number): Value {
    return this.#any(this.operandBytes(which));
  }

  override address(): Value {
    return local(0, this.addressType);
  }

  override offset(): Value {
    return local(0, this.addressType);
  }

  protected override translate(sizeBytes: number, _address: Value, isWrite: boolean): Value {
    this.effects.accesses.push({ sizeBytes, isWrite, isConditional: this.#conditional > 0 });
    this.effects.mayLeave = true;
    return i32(0);
  }

  protected override storesDone(): void {}

  override stackPointer(): Value {
    this.effects.reads |= 1 << REGISTER.rsp;
    return local(0, this.addressType);
  }

  override setStackPointer(): void {
    this.effects.writes |= 1 << REGISTER.rsp;
  }

  override wrappedStackOffset(offset: Value): Value {
    return offset;
  }

  override stackAddress(offset: Value): Value {
    return offset;
  }

  override setFlags(_kind: FlagsKind): void {
    const effect = this.#conditional > 0 ? FLAG_EFFECT.partial : FLAG_EFFECT.full;
    this.effects.flags = Math.max(this.effects.flags, effect);
  }

  override systemFlags(): Value {
    return i32(0);
  }

  override setSystemFlags(): void {}

  override when(_condition: Value, then: () => void): void {
    this.#conditional += 1;
    then();
    this.#conditional -= 1;
  }

  override faultIf(): void {
    this.effects.mayLeave = true;
  }

  override rareIf(): void {
    this.effects.mayLeave = true;
  }

  override x87Operand(): Value {
    return i32(0);
  }

  override thisInstruction(): Value {
    return local(0, this.addressType);
  }

  override nextInstruction(): Value {
    return local(0, this.addressType);
  }

  override jump(): void {
    this.effects.endsBlock = true;
  }

  override jumpIf(): void {
    this.effects.endsBlock = true;
  }

  override jumpTo(): void {
    this.effects.endsBlock = true;
  }

  override stateBlock(): Value {
    return i32(0);
  }

  protected override callSupport(): void {}

  override call(support: SupportFunction): readonly Value[] {
    this.effects.support.push(support);
    return support.results.map((type: ValueType) => this.temporary(type));
  }

  override system(support: SupportFunction): void {
    this.effects.support.push(support);
    this.effects.mayLeave = true;
    this.effects.isSystem = true;
    this.effects.endsBlock = true;
    this.effects.readsFlags = true;
    this.effects.writes |= 0xffff;
    this.effects.reads |= 0xffff;
  }

  override stringSource(): Value {
    this.effects.reads |= 1 << REGISTER.rsi;
    return local(0, this.addressType);
  }

  override stringDestination(): Value {
    this.effects.reads |= 1 << REGISTER.rdi;
    return local(0, this.addressType);
  }

  override stringMask(): Value {
    return local(0, this.addressType);
  }

  override repeatIf(): void {
    this.effects.endsBlock = true;
  }

  override ownRecord(): Value {
    return i32(0);
  }

  override bulk(count: Value, run: (most: Value) => Value, advance: (done: Value) => Value): boolean {
    this.effects.mayLeave = true;
    this.effects.endsBlock = true;
    advance(run(wrap(count)));
    return false;
  }

  override finishIf(): void {}
}

/** Effects by form, found out once for each. */
export class EffectTable {
  readonly #shape: MachineShape;
  /** By form, of which there is one object each. */
  readonly #known = new Map<Form, Effects>();
  #probe: ProbeMachine | null = null;

  constructor(shape: MachineShape) {
    this.#shape = shape;
  }

  effectsOf(handler: Handler): Effects {
    const known = this.#known.get(handler.form);
    if (known !== undefined) return known;
    this.#probe ??= new ProbeMachine(new FunctionBody(0, []), this.#shape);
    const probe = this.#probe;
    const effects = probe.begin(handler);
    handler.definition.meaning(probe);
    effects.onlyAccess = onlyAccessOf(effects);
    this.#known.set(handler.form, effects);
    return effects;
  }
}
