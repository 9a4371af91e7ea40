import type { MachineMemory } from "@xenolith/machine-interface";
import { HEADER, headerOf, RECORD, RECORD_BYTES } from "../interpreter/record.ts";

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
  /** Header of the block that is being made, and where its first instruction is. */
  #header = 0;
  #first = 0;

  constructor(machine: MachineMemory, sizeBytes: number) {
    this.#view = machine.view;
    this.#words = machine.words;
    const scratchBytes = SCRATCH_RECORDS * RECORD_BYTES;
    this.#start = machine.reserve(sizeBytes + scratchBytes);
    this.#end = this.#start + sizeBytes;
    this.scratch = this.#end + RECORD_BYTES;
    this.#top = this.#start;
  }

  /** Offset of the next record. */
  get top(): number {
    return this.#top;
  }

  hasRoom(records: number): boolean {
    return this.#top + records * RECORD_BYTES <= this.#end;
  }

  #takeCleared(): number {
    const at = this.#top;
    this.#top += RECORD_BYTES;
    for (let word = at >>> 2; word < this.#top >>> 2; word++) this.#words[word] = 0;
    return at;
  }

  /**
   * Begins a block at an offset in CS: takes its header, or that of one before it that got no records. It begins a cache line, so
   * that to enter a block is to touch one. Room for all of it was checked before.
   * @returns its first record
   */
  begin(instructionPointer: number): number {
    if (this.#top !== this.#header + RECORD_BYTES) {
      this.#top += this.#top & RECORD_BYTES;
      this.#header = this.#takeCleared();
    }
    this.#first = instructionPointer;
    this.setWide(this.#header, HEADER.instructionPointer, instructionPointer);
    return this.#top;
  }

  /** Takes a cleared record for the instruction at an offset in CS. */
  take(instructionPointer: number): number {
    const at = this.#takeCleared();
    this.setU16(at, RECORD.header, at - this.#header);
    this.setU16(at, RECORD.place, instructionPointer - this.#first);
    return at;
  }

  /** Offset in CS of the instruction of a record; that of 32-bit code may be beyond 2^32 where it wraps. */
  instructionPointer(record: number): number {
    const header = record - this.u16(record, RECORD.header);
    return this.wide(header, HEADER.instructionPointer) + this.u16(record, RECORD.place);
  }

  /** Gives everything back. */
  clear(): void {
    this.#top = this.#start;
    this.#header = 0;
  }

  /** How often the block that begins with a record may still be entered before it counts as hot. */
  counter(record: number): number {
    return this.#view.getInt32(headerOf(record) + HEADER.counter, true);
  }

  setCounter(record: number, count: number): void {
    this.#view.setInt32(headerOf(record) + HEADER.counter, count, true);
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
