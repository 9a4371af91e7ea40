import {
  add,
  and,
  compare,
  constant,
  convert,
  displaced,
  type FunctionBody,
  load,
  ltU,
  ne,
  type Operand,
  or,
  shl,
  shrS,
  shrU,
  signExtend,
  sub,
  TYPE,
  type Value,
  type ValueType,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { VECTOR } from "@xenolith/x86-architecture";
import { FLAGS_KIND, type FlagsKind } from "../state/flags.ts";
import { STATE, VECTOR_BYTES } from "../state/layout.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { conditionOf, type FlagValues } from "./conditions.ts";
import type { OperandForm } from "./form.ts";
import { TemporaryPool } from "./temporaries.ts";

/** What the bits above an operand's size are: copies of its sign, zeros, or of no interest to the reader. */
export type Extension = "signed" | "zero" | "any";

/** A place that is read and then written: a register or memory whose translation has been checked. */
export interface Place {
  get(extension?: Extension): Value;
  set(value: Value): void;
}

/** Wasm type in which an operation of `sizeBytes` is computed: i32 up to 4 bytes, i64 for 8. */
export const typeOf = (sizeBytes: number): ValueType => (sizeBytes === 8 ? TYPE.i64 : TYPE.i32);

/** What is fixed when an engine is generated. */
export interface MachineShape {
  /** 64-bit code: addresses and flags are i64. Else both are i32. */
  readonly wide: boolean;
}

/**
 * What the meaning of an instruction is written against. A meaning calls these methods; each appends WebAssembly that will
 * do the thing. Engines supply where operands, addresses and control flow come from.
 *
 * Discipline for meanings:
 * - Values are lazy trees: {@link pin} what is used twice or read before something changes.
 * - Every value has the type of its operation's size. Results are {@link extend}ed before they become flags.
 * - Conditions and flag bits are i32.
 * - Everything that can fault (memory, {@link faultIf}, {@link rareIf}) comes before the first effect.
 */
export abstract class Machine {
  readonly body: FunctionBody;
  readonly shape: MachineShape;
  /** Type of a linear address. */
  readonly addressType: ValueType;
  /** Size of the operation being described. */
  sizeBytes = 4;
  /** Operands of the form being described. */
  operands: readonly OperandForm[] = [];
  /** Flags as they are at this point. */
  flags: FlagValues;
  protected readonly temporaries: TemporaryPool;
  /** The lazy flags where the engine keeps them between instructions. */
  protected readonly keptFlags: FlagValues;

  constructor(body: FunctionBody, shape: MachineShape) {
    this.body = body;
    this.shape = shape;
    this.addressType = shape.wide ? TYPE.i64 : TYPE.i32;
    this.temporaries = new TemporaryPool(body);
    this.keptFlags = {
      kind: null,
      dynamicKind: body.local(TYPE.i32),
      a: body.local(this.addressType),
      b: body.local(this.addressType),
      result: body.local(this.addressType),
    };
    this.flags = this.keptFlags;
  }

  /** Type of the operation being described. */
  get type(): ValueType {
    return typeOf(this.sizeBytes);
  }

  /** Bits of the operation being described. */
  get bits(): number {
    return 8 * this.sizeBytes;
  }

  /** Size of near return addresses and of the stack pointer in this code. */
  get wordBytes(): number {
    return this.shape.wide ? 8 : 4;
  }

  // Values

  /** A fresh local, free for the rest of the instruction. */
  temporary(type: ValueType): Value {
    return this.temporaries.take(type);
  }

  /** Computes a value now and names the result, so that it can be used again. */
  pin(value: Value): Value {
    if (value.isPinned) return value;
    const name = this.temporary(value.type);
    this.body.set(name, value);
    return name;
  }

  /** Names a value that is used again before anything changes that it may be a reading of. */
  protected hold(value: Value): Value {
    return value.isPinned ? value : this.pin(value);
  }

  /** Sign-extends a result of the operation's size to its type. */
  extend(value: Value): Value {
    return signExtend(this.sizeBytes, value);
  }

  // Registers, supplied by the engine

  /** General register number `index`, of `sizeBytes`. */
  abstract register(index: number, sizeBytes: number, extension?: Extension): Value;
  /** Writes a register: 1 and 2 bytes keep the rest, 4 bytes zero the upper half. */
  abstract setRegister(index: number, sizeBytes: number, value: Value): void;
  /** Bits 15:8 of AX, for the byte forms of multiplication and division. */
  abstract setHighByte(value: Value): void;
  /** Register operand number `which`. */
  protected abstract operandRegister(which: number, extension: Extension): Value;
  protected abstract setOperandRegister(which: number, value: Value): void;
  /** 16 times the number of x87 register operand `which`. */
  abstract x87Operand(which: number): Value;
  /** Immediate operand number `which`, sign-extended to the type of its size. */
  protected abstract immediate(which: number): Value;

  // Memory, supplied by the engine

  /** Linear address of the memory operand. */
  abstract address(): Value;
  /** Offset of the memory operand in its segment, of the operation's type or wider. */
  abstract offset(): Value;
  /**
   * Offset in machine memory where `sizeBytes` at a linear address can be read or written. Does not come back when they
   * cannot. The offset has to be pinned where it is used more than once.
   */
  protected abstract translate(sizeBytes: number, address: Value, isWrite: boolean): Value;
  /** Stores to a place that {@link translate} gave. */
  protected storeTranslated(sizeBytes: number, host: Value, value: Value): void {
    this.body.store(sizeBytes, host, convert(value, typeOf(sizeBytes)));
  }
  /** Told after the last store to a translated place. */
  protected abstract storesDone(host: Value): void;

  protected loadTranslated(sizeBytes: number, host: Value, extension: Extension): Value {
    return load(typeOf(sizeBytes), sizeBytes, extension === "signed", host);
  }

  /** Reads memory. */
  load(sizeBytes: number, address: Value, extension: Extension = "any"): Value {
    const host = this.translate(sizeBytes, address, false);
    return this.pin(this.loadTranslated(sizeBytes, host, extension));
  }

  /** Writes memory. */
  store(sizeBytes: number, address: Value, value: Value): void {
    const held = this.hold(value);
    const host = this.translate(sizeBytes, address, true);
    this.storeTranslated(sizeBytes, host, held);
    this.storesDone(host);
  }

  /** Memory that is read and then written. */
  modifyMemory(sizeBytes: number, address: Value): Place {
    const host = this.pin(this.translate(sizeBytes, address, true));
    return {
      get: (extension = "signed") => this.loadTranslated(sizeBytes, host, extension),
      set: (value) => {
        this.storeTranslated(sizeBytes, host, value);
        this.storesDone(host);
      },
    };
  }

  /** Reads an extended value of 10 bytes: mantissa (i64), sign and exponent (i32). */
  loadExtended(address: Value): readonly [Value, Value] {
    const host = this.pin(this.translate(10, address, false));
    const mantissa = this.pin(this.loadTranslated(8, host, "zero"));
    return [mantissa, this.pin(this.loadTranslated(2, displaced(host, 8), "zero"))];
  }

  /** Checks that 10 bytes can be written, and gives a way to write them. */
  modifyExtended(address: Value): (mantissa: Value, head: Value) => void {
    const host = this.pin(this.translate(10, address, true));
    return (mantissa, head) => {
      this.storeTranslated(8, host, mantissa);
      this.storeTranslated(2, displaced(host, 8), head);
      this.storesDone(host);
    };
  }

  // Operands

  /** Size of operand number `which`. */
  operandBytes(which: number): number {
    return this.operands[which]?.sizeBytes ?? 0;
  }

  /** Whether operand number `which` is of a kind. */
  isOperand(which: number, kind: OperandForm["kind"]): boolean {
    return this.operands[which]?.kind === kind;
  }

  /** Reads operand number `which`. */
  read(which: number, extension: Extension = "signed"): Value {
    if (this.isOperand(which, "register")) return this.operandRegister(which, extension);
    if (this.isOperand(which, "immediate")) return this.immediate(which);
    return this.load(this.operandBytes(which), this.address(), extension);
  }

  /** Writes operand number `which`. */
  write(which: number, value: Value): void {
    if (this.isOperand(which, "register")) this.setOperandRegister(which, value);
    else this.store(this.operandBytes(which), this.address(), value);
  }

  /** Operand number `which`, to be read and then written. Checks now that memory can be written. */
  modify(which: number): Place {
    if (!this.isOperand(which, "register"))
      return this.modifyMemory(this.operandBytes(which), this.address());
    return {
      get: (extension = "signed") => this.operandRegister(which, extension),
      set: (value) => this.setOperandRegister(which, value),
    };
  }

  // Vectors

  /** Vector register number `index`, of type v128. */
  vectorRegister(index: number): Value {
    return this.stateField(TYPE.v128, 16, STATE.vectors + VECTOR_BYTES * index);
  }

  setVectorRegister(index: number, value: Value): void {
    this.setStateField(16, STATE.vectors + VECTOR_BYTES * index, value);
  }

  /** Vector or MMX register operand number `which`, as v128. The upper half of an MMX register is zero. */
  protected abstract operandVector(which: number): Value;
  /** Writes a vector register, or the low half of a value to an MMX register. */
  protected abstract setOperandVector(which: number, value: Value): void;

  /** Whether operand number `which` is a vector or MMX register. */
  isVectorRegister(which: number): boolean {
    return this.isOperand(which, "xmm") || this.isOperand(which, "mmx");
  }

  /**
   * Reads operand number `which` as v128: a register, or as much memory as the operand has, with zeros above. 16 bytes of memory
   * must be aligned unless `isAligned` is false.
   */
  vector(which: number, isAligned = true): Value {
    if (this.isVectorRegister(which)) return this.operandVector(which);
    const bytes = this.operandBytes(which);
    return this.loadVector(bytes, this.#vectorAddress(bytes, isAligned));
  }

  /** Writes operand number `which`: a register whole, or the low bytes of the value to memory. */
  setVector(which: number, value: Value, isAligned = true): void {
    if (this.isVectorRegister(which)) {
      this.setOperandVector(which, value);
      return;
    }
    const bytes = this.operandBytes(which);
    this.storeVector(bytes, this.#vectorAddress(bytes, isAligned), value);
  }

  #vectorAddress(bytes: number, isAligned: boolean): Value {
    const address = this.pin(this.address());
    if (bytes === 16 && isAligned) this.faultIf(and(wrap(address), 15), VECTOR.generalProtection);
    return address;
  }

  /** Reads 4, 8 or 16 bytes of memory into a vector, with zeros above. */
  loadVector(bytes: number, address: Value): Value {
    const host = this.translate(bytes, address, false);
    return this.pin(load(TYPE.v128, bytes, false, host));
  }

  /** Writes the low 4, 8 or 16 bytes of a vector. */
  storeVector(bytes: number, address: Value, value: Value): void {
    const held = this.hold(value);
    const host = this.translate(bytes, address, true);
    this.body.store(bytes, host, held);
    this.storesDone(host);
  }

  /** Memory of 8 or 16 bytes that is read as a vector and then written. */
  modifyVector(bytes: number, address: Value): { get(): Value; set(value: Value): void } {
    const host = this.pin(this.translate(bytes, address, true));
    return {
      get: () => load(TYPE.v128, bytes, false, host),
      set: (value) => {
        this.body.store(bytes, host, value);
        this.storesDone(host);
      },
    };
  }

  // Stack

  /** Stack pointer as an offset in SS, zero-extended to the address type. */
  abstract stackPointer(): Value;
  abstract setStackPointer(offset: Value): void;
  /** `offset` wrapped at the stack size. */
  abstract wrappedStackOffset(offset: Value): Value;
  /** Linear address of `sizeBytes` at an offset in SS; does not come back when the segment forbids it. */
  abstract stackAddress(offset: Value, sizeBytes: number, isWrite: boolean): Value;

  /** Pushes a value; the stack pointer moves once the store has succeeded. */
  push(sizeBytes: number, value: Value): void {
    const held = this.hold(value);
    const top = this.pin(this.wrappedStackOffset(sub(this.stackPointer(), sizeBytes)));
    this.store(sizeBytes, this.stackAddress(top, sizeBytes, true), held);
    this.setStackPointer(top);
  }

  /** Whether accesses are made that cross a page, in pieces. A row of stores is then made one by one, as far as it goes. */
  protected get makesPieces(): boolean {
    return false;
  }

  /**
   * Pushes values one below the other, and moves the stack pointer once all stores have succeeded. Where an access that crosses a
   * page is refused, so is the whole row before anything is stored: whoever makes it then begins with the first value, and
   * the code of this very instruction may lie under one of them.
   */
  pushRow(sizeBytes: number, values: readonly Value[]): void {
    const top = this.pin(this.stackPointer());
    const below = (bytes: number): Value => this.pin(this.wrappedStackOffset(sub(top, bytes)));
    const rowBytes = sizeBytes * values.length;
    if (this.makesPieces) {
      for (const [index, value] of values.entries())
        this.store(sizeBytes, this.stackAddress(below(sizeBytes * (index + 1)), sizeBytes, true), value);
    } else {
      const host = this.pin(
        this.translate(rowBytes, this.stackAddress(below(rowBytes), rowBytes, true), true),
      );
      for (const [index, value] of values.entries())
        this.storeTranslated(
          sizeBytes,
          displaced(host, rowBytes - sizeBytes * (index + 1)),
          this.hold(value),
        );
      this.storesDone(host);
    }
    this.setStackPointer(below(rowBytes));
  }

  /** Reads the top of the stack without moving the pointer. */
  peek(sizeBytes: number, extension: Extension = "zero"): Value {
    const top = this.hold(this.stackPointer());
    return this.load(sizeBytes, this.stackAddress(top, sizeBytes, false), extension);
  }

  /** Moves the stack pointer up (or, by a negative number, down). */
  dropStack(bytes: Operand): void {
    this.setStackPointer(this.wrappedStackOffset(add(this.stackPointer(), bytes)));
  }

  // Flags

  /** Makes the arithmetic flags follow from an operation; see `FLAGS_KIND`. */
  abstract setFlags(kind: FlagsKind, a: Value, b: Value, result: Value): void;

  /** CF = OF = AF = 0, the others from the result. */
  setLogicFlags(result: Value): void {
    const zero = constant(this.addressType, 0);
    this.setFlags(FLAGS_KIND.logic, zero, zero, result);
  }

  /** Condition by its encoding, as i32 0 or 1. Computed now. */
  condition(encoding: number): Value {
    return conditionOf(this, encoding);
  }

  // Flags that are not arithmetic

  /** The other flags, as in EFLAGS. */
  abstract systemFlags(): Value;
  abstract setSystemFlags(value: Value): void;

  // Control

  /** Does `then` when the condition holds. Flags set inside are merged. */
  abstract when(condition: Value, then: () => void): void;
  /** Raises a fault without an error code when the condition holds. Nothing of the instruction may have happened. */
  abstract faultIf(condition: Value, vector: number): void;
  /** Leaves the instruction to TypeScript when the condition holds. Nothing of it may have happened. */
  abstract rareIf(condition: Value): void;
  /** Offset of the instruction itself, of the address type. */
  abstract thisInstruction(): Value;
  /** Offset of the next instruction, of the address type. */
  abstract nextInstruction(): Value;
  /**
   * Faults with #GP(0) where the target of an indirect branch is not canonical; to be called before the first effect. Only
   * 64-bit code has such. [SDM3A-6.15 "Interrupt 13"]
   */
  checkTarget(target: Value): void {
    if (!this.shape.wide) return;
    this.faultIf(ne(shrS(shl(target, 16), 16), target), VECTOR.generalProtection);
  }

  /** Goes to the direct target. Ends the instruction. */
  abstract jump(): void;
  /** Goes to the direct target when the condition holds, else on. Ends the instruction. */
  abstract jumpIf(condition: Value): void;
  /** Goes to a computed offset in CS. Ends the instruction. */
  abstract jumpTo(target: Value): void;

  // Support functions

  /** Calls a support function and leaves its results on the operand stack. */
  protected abstract callSupport(support: SupportFunction, values: readonly Value[]): void;

  /** Calls a support function. Its results are pinned, in their order. */
  call(support: SupportFunction, ...values: readonly Value[]): readonly Value[] {
    this.callSupport(support, values);
    const results = support.results.map((type) => this.temporary(type));
    for (const result of results.toReversed()) this.body.set(result);
    return results;
  }

  /**
   * Ends the instruction with a support function of one i32 result that transfers control on the state block. Before the
   * call registers, flags, budget and the offset of the *next* instruction are in the block. It returns 0 when all is done:
   * then the instruction pointer, segments, privilege, system flags and space tag of the block are the new ones, in a mode of
   * the same number, and execution goes on there. 1: it has changed nothing, and the instruction is left to TypeScript.
   * 2: as 0, but control goes back to TypeScript's loop, with `LEAVE.attend`.
   */
  abstract system(support: SupportFunction, ...values: readonly Value[]): void;

  // State block

  /** A field of the state block, `bytes` wide, zero-extended (i32, i64) or whole (f64, v128). */
  stateField(type: ValueType, bytes: number, offset: number): Value {
    return load(type, bytes, false, this.stateBlock(), offset);
  }

  /** Stores the low `bytes` of a value to a field of the state block that no local of an engine shadows. */
  setStateField(bytes: number, offset: number, value: Value): void {
    this.body.store(bytes, this.stateBlock(), value, offset);
  }

  /** Offset in memory of the state block: a constant. */
  abstract stateBlock(): Value;

  /** i32 1 when the bytes from `offset` (pinned) on are not all between two words at `bounds` in the state block. */
  outOfBounds(offset: Value, lastByte: Value, bounds: Value): Value {
    const place = this.pin(add(this.stateBlock(), bounds));
    const last = this.pin(add(offset, lastByte));
    const below = ltU(offset, load(TYPE.i32, 4, false, place));
    const above = compare("gtU", last, load(TYPE.i32, 4, false, place, 4));
    return or(or(below, above), ltU(last, offset));
  }

  // Repetition

  /** Linear addresses of source and destination of a string instruction. */
  abstract stringSource(): Value;
  abstract stringDestination(): Value;
  /** Bits of an index register or counter that the address size uses: 0xffff or all. */
  abstract stringMask(): Value;
  /** Says that an iteration is done: whether another follows is up to the condition. Ends the instruction. */
  abstract repeatIf(condition: Value): void;
  /**
   * Does many iterations at once where that is worth it and addresses are used whole: `run` is given how many may be done
   * (i32) and returns how many were (i32), `advance` moves the registers on by so many and returns what is left of the
   * counter. They change nothing else. At least one iteration is left.
   * @returns whether nothing of the instruction is left to be described: there are no single iterations.
   */
  abstract bulk(count: Value, run: (most: Value) => Value, advance: (iterations: Value) => Value): boolean;
  /** The interpreter's record of the instruction: it can cope with stores to its own code. 0 where none is executed. */
  abstract ownRecord(): Value;
  /** Ends the instruction as if it had done nothing, when the condition holds. */
  abstract finishIf(condition: Value): void;

  /** Most significant bit of a value, as i32. */
  topBit(value: Value): Value {
    return value.type === TYPE.i64 ? wrap(shrU(value, 63)) : shrU(value, 31);
  }

  /** All bits inverted. */
  invert(value: Value): Value {
    return xor(value, -1);
  }

  /** i32 1 when the value is not zero. */
  isNotZero(value: Value): Value {
    return ne(value, 0);
  }

  /** Value of bit `position`, as i32. */
  bit(value: Value, position: Operand): Value {
    return and(wrap(shrU(value, position)), 1);
  }

  /** An address from a value of any type. */
  toAddress(value: Value): Value {
    return convert(value, this.addressType);
  }

  protected scaled(base: Value, index: Value, scale: Value, displacement: Value): Value {
    return add(add(base, shl(index, scale)), displacement);
  }

  /** Sign of a value, spread over all bits. */
  spreadSign(value: Value): Value {
    return shrS(value, value.type === TYPE.i64 ? 63 : 31);
  }

  /** Offset of a general register in the state block. */
  protected registerOffset(index: number): number {
    return STATE.registers + 8 * index;
  }
}
