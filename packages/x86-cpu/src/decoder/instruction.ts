import type { RegisterIndex, SegmentIndex } from "@xenolith/x86-architecture";
import type { Feature } from "./features.ts";

/** Bytes of an operand, an address or an operation. 0: the instruction says (LEA, INVLPG, far pointers …). */
export type OperandBytes = number;

/** A general register. `high`: bits 15:8 of registers 0-3 (AH CH DH BH), 1 byte. */
export interface RegisterOperand {
  readonly kind: "register";
  readonly register: RegisterIndex;
  readonly high: boolean;
  readonly sizeBytes: OperandBytes;
}

/** A memory operand: segment : base + index * 2^scale + displacement, wrapped at the address size. */
export interface MemoryOperand {
  readonly kind: "memory";
  /** Effective segment: the default of the base register or the override. */
  readonly segment: SegmentIndex;
  /** Base register, or -1. */
  readonly base: RegisterIndex;
  /** Index register, or -1. */
  readonly index: RegisterIndex;
  /** log2 of the factor of the index: 0 to 3. */
  readonly scale: number;
  /** Signed displacement; for an address relative to RIP, already the distance from the start of the instruction. */
  readonly displacement: number;
  /** Whether the address counts from the instruction's own address. 64-bit code only. */
  readonly isRipRelative: boolean;
  readonly sizeBytes: OperandBytes;
}

/** A constant, sign-extended (zero-extended where the manual says so) to 64 bits, as two signed words. */
export interface ImmediateOperand {
  readonly kind: "immediate";
  /** Low word, signed. */
  readonly value: number;
  /** High word, signed. */
  readonly high: number;
  readonly sizeBytes: OperandBytes;
}

/** Target of a near jump or call, as a distance from the *end* of the instruction. */
export interface RelativeOperand {
  readonly kind: "relative";
  readonly distance: number;
}

/** A pointer in the instruction: selector and offset. */
export interface FarOperand {
  readonly kind: "far";
  readonly selector: number;
  /** Unsigned, of the operand size. */
  readonly offset: number;
}

/** A segment, control, debug, x87 or vector register named by the encoding. */
export interface SpecialOperand {
  readonly kind: "segment" | "control" | "debug" | "x87" | "mmx" | "xmm";
  readonly register: number;
  /** Never set: it gives these operands the layout of {@link RegisterOperand}. */
  readonly high: false;
  readonly sizeBytes: OperandBytes;
}

/**
 * What an instruction works on. The properties of a kind stand everywhere in the order of its declaration: then the engine
 * that runs us knows one layout for it, and what reads operands stays compiled for few layouts.
 */
export type Operand =
  | RegisterOperand
  | MemoryOperand
  | ImmediateOperand
  | RelativeOperand
  | FarOperand
  | SpecialOperand;

/** Prefixes F3 (REP, REPE) and F2 (REPNE), where the instruction repeats. */
export type Repeat = "none" | "rep" | "repne";

/**
 * One decoded instruction: everything its bytes say, nothing of where it lies. Immutable, may be shared.
 *
 * Mnemonics are lower-case Intel names without size suffixes ("movs", "cbw"; the operand size tells MOVSB from MOVSD).
 * Forms that the manual calls by one name but that have nothing in common are told apart: "mov-to-cr", "mov-from-cr",
 * "mov-to-dr", "mov-from-dr", "mov-to-sreg", "mov-from-sreg", "push-sreg", "pop-sreg", "call-far", "jmp-far", "ret-far".
 * MOVD, PEXTRD and PINSRD keep their names with REX.W.
 * Conditional instructions use j/set/cmov + o no b ae e ne be a s ns p np l ge le g.
 * "ud" is what is not an instruction; it raises #UD.
 *
 * As with {@link Operand}, properties stand everywhere in the order of this declaration.
 */
export interface Instruction {
  readonly mnemonic: string;
  /** Length with prefixes, 1 to 15. Over 15: "too-long", which raises #GP(0). */
  readonly lengthBytes: number;
  /** Size of the operation: 1 for byte forms, else 2, 4 or 8. */
  readonly operandBytes: OperandBytes;
  /** Size of addresses: 2, 4 or 8. */
  readonly addressBytes: 2 | 4 | 8;
  /** Destination first, as the Intel manual writes them. Implicit operands are not listed. */
  readonly operands: readonly Operand[];
  /** What a processor must have for it; without, it is undefined. */
  readonly feature: Feature;
  /** Whether a legal LOCK prefix is there. With an illegal one the mnemonic is "ud". */
  readonly lock: boolean;
  readonly repeat: Repeat;
  /** Segment of the source of string instructions and XLAT: DS or the override. */
  readonly segment: SegmentIndex;
}
