import { STATE } from "./layout.ts";

/**
 * The legacy area of FXSAVE and XSAVE. [SDM1-10.5.1]
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u16 | control, and at 2 status |
 * | 4 | u8 | abridged tags |
 * | 6 | u16 | opcode |
 * | 8 | u32, u16 | offset and selector of the instruction; i64 with REX.W |
 * | 16 | u32, u16 | the same of its operand |
 * | 24 | u32 | MXCSR, and at 28 its mask |
 * | 32 | 8 x 16 | x87 registers in stack order |
 * | 160 | 16 x 16 | vector registers, 8 outside 64-bit code |
 */
export const LEGACY_AREA = {
  control: 0,
  status: 2,
  tags: 4,
  opcode: 6,
  instruction: 8,
  operand: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  x87: 32,
  vectors: 160,
  bytes: 512,
} as const;

/** Bytes of a register in the area. */
export const AREA_REGISTER_BYTES = 16;

/** Bits of MXCSR that exist. */
export const MXCSR_MASK = 0xffff;

/** Bits of the last opcode that are kept. */
export const X87_OPCODE_BITS = 0x7ff;

/** A pointer of the x87 state: where the area, and where the state block holds offset and selector. */
export interface LegacyPointer {
  readonly at: number;
  readonly offset: number;
  readonly selector: number;
}

/** Those of the last instruction and of its operand. */
export const LEGACY_POINTERS: readonly LegacyPointer[] = [
  { at: LEGACY_AREA.instruction, offset: STATE.x87InstructionPointer, selector: STATE.x87CodeSelector },
  { at: LEGACY_AREA.operand, offset: STATE.x87DataPointer, selector: STATE.x87DataSelector },
];
