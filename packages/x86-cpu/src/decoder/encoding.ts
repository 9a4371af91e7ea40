import { ByteReader } from "./byte-reader.ts";

/** Size of the code being read, in bytes of its default operand size: 16, 32 or 64-bit code. */
export type CodeBytes = 2 | 4 | 8;

/** What the bytes of an instruction have said so far. One is used for all instructions. */
export class Encoding {
  readonly reader: ByteReader = new ByteReader();
  code: CodeBytes = 4;
  // Prefixes. [SDM2A-2.1.1]
  lock = false;
  /** 0xf3, 0xf2 (the last one given), or 0. */
  repeat = 0;
  /** Segment override, or -1. In 64-bit code only FS and GS count. */
  segment = -1;
  hasOperandSize = false;
  hasAddressSize = false;
  /** Low four bits of a REX prefix and bit 6 when there is one, or 0. */
  rex = 0;
  // Opcode.
  opcode = 0;
  modRm = 0;
  /** Whether the opcode is from a vector map, where 66, F2 and F3 are part of it. */
  isVector = false;
  /** Register that VEX.vvvv names. */
  extraRegister = 0;
  // What follows from both.
  operandBytes = 0;
  addressBytes: 2 | 4 | 8 = 4;
  /** Cleared where an operand makes the instruction undefined. */
  isValid = true;
  /** Whether an address counts from the end of the instruction. */
  isRipRelative = false;

  /** Begins with an instruction. */
  start(bytes: Uint8Array, at: number, available: number, code: CodeBytes): void {
    this.reader.start(bytes, at, available);
    this.code = code;
    this.lock = false;
    this.repeat = 0;
    this.segment = -1;
    this.hasOperandSize = false;
    this.hasAddressSize = false;
    this.rex = 0;
    this.modRm = 0;
    this.isVector = false;
    this.extraRegister = 0;
    this.isValid = true;
    this.isRipRelative = false;
  }
}
