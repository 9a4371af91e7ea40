import { packFault, REGISTER, SEGMENT, type SegmentIndex, VECTOR } from "@xenolith/x86-architecture";
import type { Feature } from "../decoder/features.ts";
import type { Instruction, MemoryOperand, Operand } from "../decoder/instruction.ts";
import type { Handler, HandlerTable } from "../interpreter/handlers.ts";
import { ADDRESS_RECORD, RECORD, RECORD_BYTES } from "../interpreter/record.ts";
import { PART, type Part } from "../meanings/part.ts";
import { availableInstruction } from "../model/available-instruction.ts";
import { SEGMENT_BYTES, SEGMENT_FIELD, STATE, VECTOR_BYTES, X87_REGISTER_BYTES } from "../state/layout.ts";
import { type FormEntry, FormLookup } from "./form-lookup.ts";
import {
  directAddresses,
  directTarget,
  displacementOf,
  isBitString,
  memoryOperand,
  stringAddresses,
} from "./instruction-form.ts";
import { isFlat, type Mode } from "./mode.ts";
import type { RecordArena } from "./record-arena.ts";

/** Most records that one instruction needs: second page, repeat guard, two addresses, itself. */
export const MAX_RECORDS_PER_INSTRUCTION = 5;

const registerField = (register: number): number =>
  register < 0 ? STATE.zero : STATE.registers + 8 * register;

const segmentField = (segment: SegmentIndex, field: number): number =>
  STATE.segments + SEGMENT_BYTES * segment + field;

/** Displacement of a memory operand of an instruction at an address: that of 64-bit code may count from there. */
const placedDisplacement = (
  instruction: Instruction,
  operand: MemoryOperand,
  instructionPointer: number,
): number => {
  const displacement = displacementOf(instruction, operand);
  return operand.isRipRelative ? instructionPointer + displacement : displacement;
};

/** How many bits are cut off an address. */
const addressCut = ({ addressBytes }: Instruction, mode: Mode): number =>
  8 * Math.max((mode.codeBytes === 8 ? 8 : 4) - addressBytes, 0);

/** Fields of the first register operands; see `RECORD`. */
const REGISTER_FIELDS: readonly number[] = [RECORD.register0, RECORD.register1, RECORD.extra];

/** An address to be worked out by a record of its own. */
interface AddressRequest {
  readonly segment: SegmentIndex;
  readonly isChecked: boolean;
  readonly isWrite: boolean;
  readonly sizeBytes: number;
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly displacement: number;
  readonly destination: number;
}

/** Turns instructions into records. */
export class RecordBuilder {
  readonly #arena: RecordArena;
  readonly #handlers: HandlerTable;
  readonly #forms: FormLookup;
  /** Instructions that TypeScript does, by the number in their record. */
  readonly #rare: Instruction[] = [];
  readonly #refused = new Map<number, Instruction>();

  readonly #features: ReadonlySet<Feature>;
  readonly #rareHandler: number;
  /** Parts of an interpreter, but for the common one, that an instruction has ever belonged to. */
  readonly usedParts: Set<Part> = new Set();

  constructor(arena: RecordArena, handlers: HandlerTable, features: ReadonlySet<Feature>) {
    this.#arena = arena;
    this.#handlers = handlers;
    this.#rareHandler = handlers.special("rare");
    this.#forms = new FormLookup(handlers.numberOf, handlers.callsMonitor);
    this.#features = features;
  }

  /** The form that generated code does an instruction with, or null where TypeScript does it. */
  handlerOf(decoded: Instruction, mode: Mode): Handler | null {
    const instruction = availableInstruction(decoded, this.#features);
    const number = this.#handlerNumber(instruction, this.#forms.find(instruction), mode);
    return number === undefined ? null : (this.#handlers.handler(number) ?? null);
  }

  #handlerNumber(instruction: Instruction, { number, unit }: FormEntry, mode: Mode): number | undefined {
    if ((unit & ~mode.units) !== 0) return undefined;
    return this.#isLeftToTypeScript(instruction, mode) ? undefined : number;
  }

  /** INVLPG checks no limit, which an address record would; MASKMOVQ changes the x87 state before its address is checked. */
  #isLeftToTypeScript(instruction: Instruction, mode: Mode): boolean {
    const { mnemonic } = instruction;
    if (mnemonic !== "invlpg" && mnemonic !== "maskmovq") return false;
    const address = instruction.operands[0];
    return address?.kind === "memory" && this.#needsAddressRecord(instruction, address, mode);
  }

  /**
   * The form that a translator does an instruction with. It leaves repeated ones to the interpreter, but for those of which
   * a support function does many iterations at once.
   */
  translatable(instruction: Instruction, mode: Mode): Handler | null {
    if (instruction.repeat !== "none") {
      const isDirect = directAddresses(instruction, mode);
      const isBulk = stringAddresses(instruction.mnemonic).writes && isDirect.source && isDirect.destination;
      if (!isBulk) return null;
    }
    return this.handlerOf(instruction, mode);
  }

  /** Forgets all instructions: the records are gone. */
  clear(): void {
    this.#rare.length = 0;
    this.#refused.clear();
  }

  /** The instruction of a record that generated code has left to TypeScript before, once it was told. */
  refusedInstruction(record: number): Instruction | undefined {
    return this.#refused.get(record);
  }

  /** Remembers the instruction of a record that generated code leaves to TypeScript. Not for records that are copies. */
  rememberRefused(record: number, instruction: Instruction): void {
    this.#refused.set(record, instruction);
  }

  /** The instruction that the record of a rare one stands for. */
  rareInstruction(record: number): Instruction | undefined {
    return this.#rare[this.#arena.u32(record, RECORD.immediate)];
  }

  /** Whether a record is that of an instruction that TypeScript does. */
  isRare(record: number): boolean {
    return this.#arena.u16(record, RECORD.handler) === this.#rareHandler;
  }

  /**
   * Appends the records of an instruction at `instructionPointer`. Links and `remaining` are left to the caller.
   * @returns whether the block may go on behind it; not where it is TypeScript's
   */
  append(decoded: Instruction, instructionPointer: number, mode: Mode): boolean {
    const instruction = availableInstruction(decoded, this.#features);
    const form = this.#forms.find(instruction);
    const handler = this.#handlerNumber(instruction, form, mode);
    if (handler === undefined) {
      const record = this.#begin(this.#rareHandler, instruction, instructionPointer, mode);
      this.#arena.setU32(record, RECORD.immediate, this.#rare.length);
      this.#rare.push(instruction);
      return false;
    }
    const part = this.#handlers.partOf(handler);
    if (part !== PART.common) this.usedParts.add(part);
    if (form.isString) this.#appendString(handler, instruction, instructionPointer, mode);
    else this.#appendUsual(handler, instruction, instructionPointer, mode);
    return !form.endsBlock;
  }

  /** A record that belongs to no instruction, at an offset in CS. */
  appendSpecial(name: "enter" | "second-page", instructionPointer: number): number {
    const record = this.#arena.take(instructionPointer);
    this.#arena.setU16(record, RECORD.handler, this.#handlers.special(name));
    this.#setAddressFields(record, -1, -1, 0, 0);
    return record;
  }

  #begin(handler: number, instruction: Instruction, instructionPointer: number, mode: Mode): number {
    const arena = this.#arena;
    const record = arena.take(instructionPointer);
    arena.setU16(record, RECORD.handler, handler);
    arena.setU8(record, RECORD.length, instruction.lengthBytes);
    this.#setAddressFields(record, -1, -1, 0, 0);
    const next = instructionPointer + instruction.lengthBytes;
    const target = directTarget(instruction, next, mode);
    if (target !== null) arena.setU32(record, RECORD.distance, target - next);
    return record;
  }

  #setAddressFields(record: number, base: number, index: number, scale: number, displacement: number): void {
    const arena = this.#arena;
    arena.setU16(record, RECORD.base, registerField(base));
    arena.setU16(record, RECORD.index, registerField(index));
    arena.setU8(record, RECORD.scale, scale);
    arena.setWide(record, RECORD.displacement, displacement);
  }

  #appendUsual(handler: number, instruction: Instruction, instructionPointer: number, mode: Mode): void {
    const memory = memoryOperand(instruction);
    const isIndirect = memory !== null && this.#needsAddressRecord(instruction, memory.operand, mode);
    if (memory !== null && isIndirect) {
      this.#appendAddress(instruction, instructionPointer, mode, {
        segment: memory.operand.segment,
        isChecked: instruction.mnemonic !== "lea" && !isFlat(mode, memory.operand.segment),
        isWrite: memory.isWrite,
        sizeBytes: memory.operand.sizeBytes,
        base: memory.operand.base,
        index: memory.operand.index,
        scale: memory.operand.scale,
        displacement: placedDisplacement(instruction, memory.operand, instructionPointer),
        destination: STATE.address0,
      });
    }
    const record = this.#begin(handler, instruction, instructionPointer, mode);
    const { operands } = instruction;
    for (let position = 0; position < operands.length; position++) {
      const operand = operands[position];
      if (operand !== undefined) this.#setOperand(record, instruction, instructionPointer, operand, position);
    }
    if (isIndirect) {
      this.#setAddressFields(record, -1, -1, 0, 0);
      this.#arena.setU16(record, RECORD.base, STATE.address0);
    }
  }

  #needsAddressRecord(instruction: Instruction, operand: MemoryOperand, mode: Mode): boolean {
    if (isBitString(instruction)) return true;
    const isNarrow = instruction.addressBytes < (mode.codeBytes === 8 ? 8 : 4);
    return isNarrow || (instruction.mnemonic !== "lea" && !isFlat(mode, operand.segment));
  }

  #setOperand(
    record: number,
    instruction: Instruction,
    instructionPointer: number,
    operand: Operand,
    position: number,
  ): void {
    const arena = this.#arena;
    if (operand.kind === "register") {
      const offset = registerField(operand.register) + (operand.high ? 1 : 0);
      arena.setU16(record, REGISTER_FIELDS[position] ?? RECORD.extra, offset);
    } else if (operand.kind === "xmm") {
      const offset = STATE.vectors + VECTOR_BYTES * operand.register;
      arena.setU16(record, REGISTER_FIELDS[position] ?? RECORD.extra, offset);
    } else if (operand.kind === "mmx") {
      const offset = STATE.x87Registers + X87_REGISTER_BYTES * operand.register;
      arena.setU16(record, REGISTER_FIELDS[position] ?? RECORD.extra, offset);
    } else if (operand.kind === "x87") {
      const index = X87_REGISTER_BYTES * operand.register;
      arena.setU16(record, REGISTER_FIELDS[position] ?? RECORD.extra, index);
    } else if (operand.kind === "immediate") {
      const isWide = operand.sizeBytes === 8 && memoryOperand(instruction) === null;
      arena.setU32(record, isWide ? RECORD.wideImmediate : RECORD.immediate, operand.value >>> 0);
      if (isWide) arena.setU32(record, RECORD.wideImmediate + 4, operand.high >>> 0);
    } else if (operand.kind === "memory") {
      const { base, index, scale } = operand;
      const displacement = placedDisplacement(instruction, operand, instructionPointer);
      this.#setAddressFields(record, base, index, scale, displacement);
    }
  }

  #appendAddress(
    instruction: Instruction,
    instructionPointer: number,
    mode: Mode,
    request: AddressRequest,
  ): void {
    const arena = this.#arena;
    const handler = this.#handlers.special(isBitString(instruction) ? "bit-address" : "address");
    const record = this.#begin(handler, instruction, instructionPointer, mode);
    this.#setAddressFields(record, request.base, request.index, request.scale, request.displacement);
    const first = request.isWrite ? SEGMENT_FIELD.writeFirst : SEGMENT_FIELD.readFirst;
    const bounds = request.isChecked ? segmentField(request.segment, first) : STATE.unbounded;
    const base = request.isChecked ? segmentField(request.segment, SEGMENT_FIELD.base) : STATE.zero;
    const vector = request.segment === SEGMENT.ss ? VECTOR.stackFault : VECTOR.generalProtection;
    arena.setU16(record, ADDRESS_RECORD.bounds, bounds);
    arena.setU16(record, ADDRESS_RECORD.segmentBase, base);
    arena.setU16(record, ADDRESS_RECORD.lastByte, request.isChecked ? request.sizeBytes - 1 : 0);
    arena.setU8(record, ADDRESS_RECORD.cut, addressCut(instruction, mode));
    if (mode.codeBytes !== 8) arena.setU32(record, ADDRESS_RECORD.fault, packFault(vector, 0));
    arena.setU16(record, ADDRESS_RECORD.destination, request.destination);
    const bitNumber = instruction.operands[1];
    if (isBitString(instruction) && bitNumber?.kind === "register") {
      arena.setU8(record, ADDRESS_RECORD.bitRegister, bitNumber.register);
      arena.setU8(record, ADDRESS_RECORD.bitLog, Math.log2(8 * instruction.operandBytes));
    }
  }

  #appendString(handler: number, instruction: Instruction, instructionPointer: number, mode: Mode): void {
    const arena = this.#arena;
    const isDirect = directAddresses(instruction, mode);
    const cut = addressCut(instruction, mode);
    const first = arena.top;
    if (instruction.repeat !== "none" && !(isDirect.source && isDirect.destination)) {
      const guard = this.#begin(
        this.#handlers.special("repeat-guard"),
        instruction,
        instructionPointer,
        mode,
      );
      arena.setU8(guard, RECORD.addressCut, cut);
    }
    const request = {
      sizeBytes: instruction.operandBytes,
      index: -1,
      scale: 0,
      displacement: 0,
    };
    if (!isDirect.source) {
      this.#appendAddress(instruction, instructionPointer, mode, {
        ...request,
        segment: instruction.segment,
        isChecked: !isFlat(mode, instruction.segment),
        isWrite: false,
        base: REGISTER.rsi,
        destination: STATE.address0,
      });
    }
    if (!isDirect.destination) {
      this.#appendAddress(instruction, instructionPointer, mode, {
        ...request,
        segment: SEGMENT.es,
        isChecked: !isFlat(mode, SEGMENT.es),
        isWrite: stringAddresses(instruction.mnemonic).writes,
        base: REGISTER.rdi,
        destination: STATE.address1,
      });
    }
    const record = this.#begin(handler, instruction, instructionPointer, mode);
    arena.setU16(record, RECORD.base, isDirect.source ? registerField(REGISTER.rsi) : STATE.address0);
    arena.setU16(record, RECORD.index, isDirect.destination ? registerField(REGISTER.rdi) : STATE.address1);
    arena.setU8(record, RECORD.addressCut, cut);
    arena.setU16(record, RECORD.extra, record - first);
  }
}

/** An offset in CS as it wraps: at 2^32 in 16 and 32-bit code (beyond a 64 KiB limit it faults). */
export const wrapPointer = (pointer: number, mode: Mode): number =>
  mode.codeBytes === 8 ? pointer : pointer >>> 0;

/** Number of records between two offsets. */
export const recordsBetween = (first: number, end: number): number => (end - first) / RECORD_BYTES;
