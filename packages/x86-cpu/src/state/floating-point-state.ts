import type { FloatingPointContext } from "@xenolith/x86-architecture";
import { STATE, VECTOR_BYTES, X87_FIELD, X87_REGISTER_BYTES } from "./layout.ts";

/** Words of a state block, wherever it lies. */
export interface StateWords {
  u32(offset: number): number;
  setU32(offset: number, value: number): void;
}

/** Control word after FNINIT: all exceptions masked, 64-bit precision, to nearest. [SDM1-8.1.5] */
export const INITIAL_X87_CONTROL = 0x37f;
/** Control word after a reset: all exceptions unmasked, 24-bit precision. [SDM3A-9.1.1] */
export const RESET_X87_CONTROL = 0x40;
/** MXCSR after a reset: all exceptions masked. [SDM1-10.2.3] */
export const INITIAL_MXCSR = 0x1f80;

/** Bytes of a vector register, of those that the block has room for. */
const XMM_BYTES = 16;

/** x87 and vector registers over a state block. */
export class FloatingPointState implements FloatingPointContext {
  readonly #block: StateWords;

  constructor(block: StateWords) {
    this.#block = block;
  }

  get control(): number {
    return this.#block.u32(STATE.x87Control);
  }

  set control(value: number) {
    this.#block.setU32(STATE.x87Control, value & 0xffff);
  }

  get status(): number {
    return this.#block.u32(STATE.x87Status);
  }

  set status(value: number) {
    this.#block.setU32(STATE.x87Status, value & 0xffff);
  }

  get tags(): number {
    return this.#block.u32(STATE.x87Tags);
  }

  set tags(value: number) {
    this.#block.setU32(STATE.x87Tags, value & 0xff);
  }

  get mxcsr(): number {
    return this.#block.u32(STATE.mxcsr);
  }

  set mxcsr(value: number) {
    this.#block.setU32(STATE.mxcsr, value);
  }

  register(physical: number): bigint {
    const at = STATE.x87Registers + X87_REGISTER_BYTES * (physical & 7);
    return (BigInt(this.#block.u32(at + X87_FIELD.signExponent) & 0xffff) << 64n) | this.#wide(at);
  }

  setRegister(physical: number, value: bigint): void {
    const at = STATE.x87Registers + X87_REGISTER_BYTES * (physical & 7);
    this.#setWide(at, value);
    this.#block.setU32(at + X87_FIELD.signExponent, Number((value >> 64n) & 0xffffn));
  }

  /** Copies the 10 bytes of a register to memory: without a bigint, as whole states are saved and restored at every task switch. */
  storeRegister(physical: number, view: DataView, at: number): void {
    const from = STATE.x87Registers + X87_REGISTER_BYTES * (physical & 7);
    view.setUint32(at, this.#block.u32(from), true);
    view.setUint32(at + 4, this.#block.u32(from + 4), true);
    view.setUint16(at + 8, this.#block.u32(from + X87_FIELD.signExponent), true);
  }

  /** Takes a register from 10 bytes of memory. */
  loadRegister(physical: number, view: DataView, at: number): void {
    const to = STATE.x87Registers + X87_REGISTER_BYTES * (physical & 7);
    this.#block.setU32(to, view.getUint32(at, true));
    this.#block.setU32(to + 4, view.getUint32(at + 4, true));
    this.#block.setU32(to + X87_FIELD.signExponent, view.getUint16(at + 8, true));
  }

  /** Copies the 16 bytes of a vector register to memory. */
  storeVector(index: number, view: DataView, at: number): void {
    const from = STATE.vectors + VECTOR_BYTES * (index & 15);
    for (let word = 0; word < XMM_BYTES; word += 4)
      view.setUint32(at + word, this.#block.u32(from + word), true);
  }

  /** Takes a vector register from 16 bytes of memory. */
  loadVector(index: number, view: DataView, at: number): void {
    const to = STATE.vectors + VECTOR_BYTES * (index & 15);
    for (let word = 0; word < XMM_BYTES; word += 4)
      this.#block.setU32(to + word, view.getUint32(at + word, true));
  }

  vector(index: number): bigint {
    const at = STATE.vectors + VECTOR_BYTES * (index & 15);
    return (this.#wide(at + 8) << 64n) | this.#wide(at);
  }

  setVector(index: number, value: bigint): void {
    const at = STATE.vectors + VECTOR_BYTES * (index & 15);
    this.#setWide(at, value);
    this.#setWide(at + 8, value >> 64n);
  }

  #wide(at: number): bigint {
    return (BigInt(this.#block.u32(at + 4)) << 32n) | BigInt(this.#block.u32(at));
  }

  #setWide(at: number, value: bigint): void {
    this.#block.setU32(at, Number(value & 0xffff_ffffn));
    this.#block.setU32(at + 4, Number((value >> 32n) & 0xffff_ffffn));
  }
}
