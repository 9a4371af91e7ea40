import type { MachineMemory } from "@xenolith/machine-interface";
import { RECORD, RECORD_BYTES } from "../interpreter/record.ts";

/** Records of a block that was cut to the budget, with its stop. */
const SCRATCH_RECORDS = 256;

/** Where records live: taken from the bottom up, given back all at once. */
export class RecordArena {
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #start: number;
  readonly #end: number;
  /** Room for records that are copied for one run. */
  readonly scratch: number;
  #top: number;

  constructor(machine: MachineMemory, sizeBytes: number) {
    this.#view = machine.view;
    this.#words = machine.words;
    const scratchBytes = SCRATCH_RECORDS * RECORD_BYTES;
    this.#start = machine.reserve(sizeBytes + scratchBytes);
    this.#end = this.#start + sizeBytes;
    this.scratch = this.#end;
    this.#top = this.#start;
  }

  /** Offset of the next record. */
  get top(): number {
    return this.#top;
  }

  hasRoom(records: number): boolean {
    return this.#top + records * RECORD_BYTES <= this.#end;
  }

  /** Takes a cleared record. Room was checked before. */
  take(): number {
    const at = this.#top;
    this.#top += RECORD_BYTES;
    for (let word = at >>> 2; word < this.#top >>> 2; word++) this.#words[word] = 0;
    return at;
  }

  /** Gives everything back. */
  clear(): void {
    this.#top = this.#start;
  }

  /** How often the block that begins with a record may still be entered before it counts as hot. */
  counter(record: number): number {
    return this.#view.getInt32(record + RECORD.counter, true);
  }

  setCounter(record: number, count: number): void {
    this.#view.setInt32(record + RECORD.counter, count, true);
  }

  setU16(record: number, field: number, value: number): void {
    this.#view.setUint16(record + field, value, true);
  }

  setU32(record: number, field: number, value: number): void {
    this.#view.setUint32(record + field, value, true);
  }

  setU8(record: number, field: number, value: number): void {
    this.#view.setUint8(record + field, value);
  }

  /** Writes a 64-bit field from a safe integer. */
  setWide(record: number, field: number, value: number): void {
    this.#view.setUint32(record + field, value >>> 0, true);
    const high = value === (value | 0) ? value >> 31 : Math.floor(value / 0x1_0000_0000);
    this.#view.setInt32(record + field + 4, high, true);
  }

  /** Reads a 64-bit field that holds a safe integer. */
  wide(record: number, field: number): number {
    const high = this.#view.getInt32(record + field + 4, true);
    return high * 0x1_0000_0000 + this.#view.getUint32(record + field, true);
  }

  u16(record: number, field: number): number {
    return this.#view.getUint16(record + field, true);
  }

  u32(record: number, field: number): number {
    return this.#view.getUint32(record + field, true);
  }

  /** Puts a handler into `count` records. */
  setHandlers(record: number, count: number, handler: number): void {
    for (let index = 0; index < count; index++)
      this.setU16(record + index * RECORD_BYTES, RECORD.handler, handler);
  }
}
