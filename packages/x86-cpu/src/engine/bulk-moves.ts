import { ACCESS, type MachineMemory } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import { RECORD } from "../interpreter/record.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { VcpuMemory } from "./linear-memory.ts";

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
  const { view, bytes } = machine;
  const { elementBytes, record } = move;
  const mask = view.getUint32(record + RECORD.immediate, true);
  if ((state.systemFlags & FLAG.df) !== 0 || mask !== 0xffff_ffff) return 0;
  const sourceField = view.getUint16(record + RECORD.base, true);
  const destinationField = view.getUint16(record + RECORD.index, true);
  const isFlat = destinationField < STATE.zero && (!move.isCopy || sourceField < STATE.zero);
  if (!isFlat) return 0;
  let left = Math.min(state.register(REGISTER.rcx), move.limit);
  let done = 0;
  while (left > 0) {
    const source = state.register(REGISTER.rsi);
    const destination = state.register(REGISTER.rdi);
    const inPage =
      PAGE_BYTES - (move.isCopy ? Math.max(source & 4095, destination & 4095) : destination & 4095);
    const count = Math.min(left, Math.floor(inPage / elementBytes));
    const length = count * elementBytes;
    if (count === 0) break;
    const from = move.isCopy ? memory.translate(source, ACCESS.read) : 0;
    if (from < 0) break;
    const to = memory.translate(destination, ACCESS.write);
    if (to < 0 || (move.isCopy && to > from && to < from + length)) break;
    if (move.isCopy) bytes.copyWithin(to, from, from + length);
    else fillElements(machine, to, count, elementBytes, state.register(REGISTER.rax));
    memory.announce(to, length);
    if (move.isCopy) state.setRegister(REGISTER.rsi, source + length);
    state.setRegister(REGISTER.rdi, destination + length);
    state.setRegister(REGISTER.rcx, state.register(REGISTER.rcx) - count);
    left -= count;
    done += count;
  }
  return done;
};

const fillElements = (
  machine: MachineMemory,
  at: number,
  count: number,
  elementBytes: number,
  value: number,
): void => {
  const { bytes, view, words } = machine;
  const length = count * elementBytes;
  if (elementBytes === 1) bytes.fill(value & 0xff, at, at + length);
  else if (elementBytes === 4 && (at & 3) === 0) words.fill(value, at >>> 2, (at + length) >>> 2);
  else {
    for (let offset = 0; offset < length; offset += elementBytes) {
      if (elementBytes === 2) view.setUint16(at + offset, value, true);
      else view.setUint32(at + offset, value, true);
    }
  }
};
