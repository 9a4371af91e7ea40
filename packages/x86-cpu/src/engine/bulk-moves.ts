import { ACCESS, type MachineMemory } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import { RECORD } from "../interpreter/record.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { VcpuMemory } from "./linear-memory.ts";
import { isAccessFault } from "./system-operations.ts";

const PAGE_BYTES = 4096;

/** A repeated MOVS or STOS under way. */
export interface BulkMove {
  /** MOVS, else STOS. */
  readonly isCopy: boolean;
  readonly elementBytes: number;
  /** Record of the instruction: says which registers hold the linear addresses, and the address size. */
  readonly record: number;
  /** Most iterations that may be done. */
  readonly limit: number;
}

/**
 * Does iterations of a repeated move page by page and updates the index registers and the counter.
 * @returns how many were done: 0 when the next one must be done singly (it faults, crosses a page, goes downwards, or the
 * areas overlap so that the copy would feed on itself).
 */
export const doBulkMove = (
  machine: MachineMemory,
  state: VcpuState,
  memory: VcpuMemory,
  move: BulkMove,
): number => {
  if ((state.systemFlags & FLAG.df) !== 0 || !usesWholeRegisters(machine, move)) return 0;
  const { elementBytes, isCopy } = move;
  const { isNarrow } = memory;
  let source = isNarrow ? state.register(REGISTER.rsi) : state.addressRegister(REGISTER.rsi);
  let destination = isNarrow ? state.register(REGISTER.rdi) : state.addressRegister(REGISTER.rdi);
  let left = mostIterations(state, isNarrow, move.limit);
  let done = 0;
  while (left > 0) {
    const inPage = PAGE_BYTES - (isCopy ? Math.max(source & 4095, destination & 4095) : destination & 4095);
    const count = Math.min(left, Math.floor(inPage / elementBytes));
    const length = count * elementBytes;
    if (count === 0) break;
    const from = isCopy ? memory.translate(source, ACCESS.read) : 0;
    if (isAccessFault(from)) break;
    const to = memory.translate(destination, ACCESS.write);
    if (isAccessFault(to) || (isCopy && to > from && to < from + length)) break;
    if (isCopy) machine.bytes.copyWithin(to, from, from + length);
    else fillElements(machine, state, to, count, elementBytes);
    memory.announce(to, length);
    source = behind(source, length, isNarrow);
    destination = behind(destination, length, isNarrow);
    left -= count;
    done += count;
  }
  if (done === 0) return 0;
  if (isCopy) setIndex(state, REGISTER.rsi, source, isNarrow);
  setIndex(state, REGISTER.rdi, destination, isNarrow);
  if (isNarrow) state.setRegister(REGISTER.rcx, state.register(REGISTER.rcx) - done);
  else state.setWideRegister(REGISTER.rcx, state.wideRegister(REGISTER.rcx) - BigInt(done));
  return done;
};

/** Whether index registers and counter are used whole and hold linear addresses as they are. */
const usesWholeRegisters = ({ view }: MachineMemory, { record, isCopy }: BulkMove): boolean => {
  // In 64-bit code, shorter addresses have been worked out by records of their own.
  if (view.getUint32(record + RECORD.immediate, true) !== 0xffff_ffff) return false;
  const sourceField = view.getUint16(record + RECORD.base, true);
  const destinationField = view.getUint16(record + RECORD.index, true);
  return destinationField < STATE.zero && (!isCopy || sourceField < STATE.zero);
};

const mostIterations = (state: VcpuState, isNarrow: boolean, limit: number): number => {
  if (isNarrow) return Math.min(state.register(REGISTER.rcx), limit);
  // More than 2^53 iterations are not counted exactly, but they are more than any limit.
  return Math.min(Number(state.wideRegister(REGISTER.rcx)), limit);
};

const behind = (at: number, length: number, isNarrow: boolean): number =>
  isNarrow ? (at + length) >>> 0 : at + length;

const setIndex = (state: VcpuState, index: number, at: number, isNarrow: boolean): void => {
  if (isNarrow) state.setRegister(index, at);
  else state.setAddress(STATE.registers + 8 * index, at);
};

const fillElements = (
  { bytes, view, words }: MachineMemory,
  state: VcpuState,
  at: number,
  count: number,
  elementBytes: number,
): void => {
  const value = state.register(REGISTER.rax);
  const high = state.u32(STATE.registers + 8 * REGISTER.rax + 4);
  const end = at + count * elementBytes;
  if (elementBytes === 1) bytes.fill(value & 0xff, at, end);
  else if (elementBytes === 4 && (at & 3) === 0) words.fill(value, at >>> 2, end >>> 2);
  else if (elementBytes === 8 && value === high && (at & 3) === 0) words.fill(value, at >>> 2, end >>> 2);
  else {
    for (let offset = at; offset < end; offset += elementBytes) {
      if (elementBytes === 2) view.setUint16(offset, value, true);
      else view.setUint32(offset, value, true);
      if (elementBytes === 8) view.setUint32(offset + 4, high, true);
    }
  }
};
