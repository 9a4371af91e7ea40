import { HostError, type MachineMemory } from "@xenolith/machine-interface";
import { encodeFlags, FLAGS_KIND } from "../state/flags.ts";
import { MSR_SLOT, SEGMENT_FIELD, STATE, STATE_BYTES } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/**
 * Layout of a saved processor, little-endian.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | magic number, "XCPU" |
 * | 4 | u32 | version of this layout |
 * | 8 | u32 | fingerprint of the layout of the state block |
 * | 12 | u32 | bit 0: halted; bit 1: interrupts are held off for one instruction |
 * | 16 | f64 | instructions retired |
 * | 24 | {@link STATE_BYTES} bytes | state block |
 */
const FIELD = { magic: 0, version: 4, fingerprint: 8, rest: 12, retired: 16, state: 24 } as const;
const MAGIC = 0x5550_4358;
const VERSION = 1;
const SAVED_BYTES = FIELD.state + STATE_BYTES;
const HALTED = 1;
const SHADOWED = 2;

/** Words of the state block that belong to the engine and mean nothing elsewhere. */
const ENGINE_WORDS: readonly number[] = [
  ...[STATE.address0, STATE.address0 + 4, STATE.address1, STATE.address1 + 4],
  ...[STATE.budget, STATE.exitRecord, STATE.spaceTag, STATE.mode, STATE.fault],
  ...[STATE.faultAddress, STATE.faultAddress + 4, STATE.pendingStore, STATE.untranslated],
  ...[STATE.shadowMark, STATE.isObserved, STATE.wantsAttention, STATE.exitSource, STATE.exitSource + 4],
  ...[STATE.lastDelivery, STATE.turnFloor],
];

/** Changes whenever a field of the block moves or comes to mean something else. */
const FINGERPRINT: number = ((): number => {
  let hash = 0x811c_9dc5;
  for (const character of JSON.stringify([STATE, SEGMENT_FIELD, MSR_SLOT, FLAGS_KIND])) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193) >>> 0;
  }
  return hash;
})();

/** What a processor is besides its registers. */
export interface RestState {
  readonly isHalted: boolean;
  readonly isShadowed: boolean;
  readonly retired: number;
}

/** Writes arithmetic flags in the one form that all engines read: what they keep lazily has many. */
const writeFlags = (view: DataView, flags: number): void => {
  const { b, result } = encodeFlags(flags);
  const put = (field: number, value: number): void => {
    view.setInt32(FIELD.state + field, value, true);
    view.setInt32(FIELD.state + field + 4, value < 0 ? -1 : 0, true);
  };
  view.setUint32(FIELD.state + STATE.flagsKind, FLAGS_KIND.given, true);
  put(STATE.flagsA, 0);
  put(STATE.flagsB, b);
  put(STATE.flagsResult, result);
};

/** Writes a processor down. The same state gives the same bytes, whatever way it came about. */
export const saveState = (machine: MachineMemory, state: VcpuState, rest: RestState): Uint8Array => {
  const saved = new Uint8Array(SAVED_BYTES);
  const view = new DataView(saved.buffer);
  view.setUint32(FIELD.magic, MAGIC, true);
  view.setUint32(FIELD.version, VERSION, true);
  view.setUint32(FIELD.fingerprint, FINGERPRINT, true);
  view.setUint32(FIELD.rest, (rest.isHalted ? HALTED : 0) | (rest.isShadowed ? SHADOWED : 0), true);
  view.setFloat64(FIELD.retired, rest.retired, true);
  saved.set(machine.bytes.subarray(state.base, state.base + STATE_BYTES), FIELD.state);
  for (const word of ENGINE_WORDS) view.setUint32(FIELD.state + word, 0, true);
  writeFlags(view, state.arithmeticFlags);
  saved.fill(0, FIELD.state + STATE.bounce, FIELD.state + STATE.bounce + 64);
  return saved;
};

/**
 * Reads a processor's state back.
 * @throws HostError `saved-state` when it was not written by {@link saveState} of the same layout.
 */
export const restoreState = (machine: MachineMemory, state: VcpuState, saved: Uint8Array): RestState => {
  const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
  if (saved.length !== SAVED_BYTES || view.getUint32(FIELD.magic, true) !== MAGIC) {
    throw new HostError("saved-state", "these bytes are not the saved state of a processor");
  }
  const isKnown =
    view.getUint32(FIELD.version, true) === VERSION &&
    view.getUint32(FIELD.fingerprint, true) === FINGERPRINT;
  if (!isKnown) throw new HostError("saved-state", "the state was saved by another version of the processor");
  const kept = ENGINE_WORDS.map((word) => state.u32(word));
  machine.bytes.set(saved.subarray(FIELD.state), state.base);
  ENGINE_WORDS.forEach((word, index) => {
    state.setU32(word, kept[index] ?? 0);
  });
  state.resetDerived();
  const rest = view.getUint32(FIELD.rest, true);
  return {
    isHalted: (rest & HALTED) !== 0,
    isShadowed: (rest & SHADOWED) !== 0,
    retired: view.getFloat64(FIELD.retired, true),
  };
};
