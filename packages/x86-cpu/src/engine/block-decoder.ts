import type { MachineMemory } from "@xenolith/machine-interface";
import { packFault, VECTOR } from "@xenolith/x86-architecture";
import { decode, type Instruction, MAX_INSTRUCTION_BYTES } from "../decoder/index.ts";
import { RECORD, RECORD_BYTES, SECOND_PAGE_RECORD } from "../interpreter/record.ts";
import type { Block } from "./block.ts";
import type { CodeFrame } from "./code-frame.ts";
import type { CodePlace } from "./code-place.ts";
import type { CodeWidths } from "./code-width.ts";
import { directTarget, isSystemTransfer } from "./instruction-form.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode } from "./mode.ts";
import type { RecordArena } from "./record-arena.ts";
import {
  MAX_RECORDS_PER_INSTRUCTION,
  type RecordBuilder,
  recordsBetween,
  wrapPointer,
} from "./record-builder.ts";
import { STOP_INSTRUCTION } from "./run-observer.ts";

/** Longest block, in instructions. */
const MAX_BLOCK_INSTRUCTIONS = 48;
const PAGE_BYTES = 4096;

/** Translates the page behind that of a linear address: a packed fault or 0, and where the page is in memory. */
export type FetchSecondPage = (linear: number) => { readonly fault: number; readonly host: number };

/** A place that wants to lead to the block of an offset in CS. */
export interface LinkRequest {
  readonly field: number;
  readonly target: number;
  /** Whether it is a jump that goes back. */
  readonly isLoop: boolean;
}

/** A new block and the links it would like. */
export interface DecodedBlock {
  readonly block: Block;
  readonly links: readonly LinkRequest[];
}

/** Decodes blocks: consecutive instructions of one page, up to the first that may go elsewhere. */
export class BlockDecoder {
  /** Most records that one block needs, its header and what is left free in front of that among them. */
  readonly maxRecords: number = MAX_BLOCK_INSTRUCTIONS * MAX_RECORDS_PER_INSTRUCTION + 3;
  readonly #machine: MachineMemory;
  readonly #arena: RecordArena;
  readonly #widths: CodeWidths;
  readonly #straddling = new Uint8Array(MAX_INSTRUCTION_BYTES);
  /** Says at which linear addresses a run is to stop; null: nowhere. Blocks are cut there. */
  isStop: ((linear: number) => boolean) | null = null;

  constructor(machine: MachineMemory, arena: RecordArena, widths: CodeWidths) {
    this.#machine = machine;
    this.#arena = arena;
    this.#widths = widths;
  }

  #builderOf(mode: Mode): RecordBuilder {
    return (mode.codeBytes === 8 ? this.#widths.wide : this.#widths.narrow).builder;
  }

  /** Whether the run is to stop before an instruction of a block that begins at `place`. */
  #isStop({ mode, linear, instructionPointer }: CodePlace, pointer: number): boolean {
    if (this.isStop === null || mode.number >= FIRST_MODE_WITHOUT_STOPS) return false;
    return this.isStop(linear + pointer - instructionPointer);
  }

  /** Decodes the block at a place in a frame. Returns a packed fault when there is no instruction to begin with. */
  decode(codeFrame: CodeFrame, place: CodePlace, fetchSecondPage: FetchSecondPage): DecodedBlock | number {
    const { mode } = place;
    const builder = this.#builderOf(mode);
    const { bytes } = this.#machine;
    const start = place.host & (PAGE_BYTES - 1);
    const base = place.host - start;
    const record = this.#arena.begin(place.instructionPointer);
    /** Records at which instructions begin. */
    const begins: number[] = [];
    let pointer = place.instructionPointer;
    let at = start;
    let ended = false;
    let last: Instruction | null = null;
    while (!ended && at < PAGE_BYTES && begins.length < MAX_BLOCK_INSTRUCTIONS) {
      if (this.#isStop(place, pointer)) {
        if (begins.length > 0) break;
        begins.push(this.#arena.top);
        builder.append(STOP_INSTRUCTION, pointer, mode);
        last = STOP_INSTRUCTION;
        ended = true;
        break;
      }
      const instruction = decode(bytes, base + at, PAGE_BYTES - at, mode.codeBytes);
      if (instruction.mnemonic === "truncated") {
        if (begins.length > 0) break;
        return this.#decodeStraddling(codeFrame, place, fetchSecondPage);
      }
      if (pointer + instruction.lengthBytes - 1 > mode.codeLimit) {
        if (begins.length > 0) break;
        return packFault(VECTOR.generalProtection, 0);
      }
      begins.push(this.#arena.top);
      ended = !builder.append(instruction, pointer, mode);
      last = instruction;
      at += instruction.lengthBytes;
      pointer = wrapPointer(pointer + instruction.lengthBytes, mode);
    }
    return this.#finish(codeFrame, place, record, begins, ended ? last : null, pointer, {
      start,
      end: at,
      second: -1,
      bytes: 0,
    });
  }

  #decodeStraddling(
    codeFrame: CodeFrame,
    place: CodePlace,
    fetchSecondPage: FetchSecondPage,
  ): DecodedBlock | number {
    const { mode } = place;
    const builder = this.#builderOf(mode);
    const second = fetchSecondPage(place.linear);
    if (second.fault !== 0) return second.fault;
    const start = place.host & (PAGE_BYTES - 1);
    const inFirst = PAGE_BYTES - start;
    const { bytes } = this.#machine;
    const inSecond = MAX_INSTRUCTION_BYTES - inFirst;
    this.#straddling.set(bytes.subarray(place.host, place.host + inFirst));
    this.#straddling.set(bytes.subarray(second.host, second.host + inSecond), inFirst);
    const instruction = decode(this.#straddling, 0, MAX_INSTRUCTION_BYTES, mode.codeBytes);
    const pointer = place.instructionPointer;
    if (pointer + instruction.lengthBytes - 1 > mode.codeLimit) {
      return packFault(VECTOR.generalProtection, 0);
    }
    const record = this.#arena.begin(pointer);
    builder.appendSpecial("second-page", pointer);
    const page = place.linear - start + PAGE_BYTES;
    this.#arena.setWide(record, SECOND_PAGE_RECORD.page, mode.codeBytes === 8 ? page : page >>> 0);
    this.#arena.setU32(record, SECOND_PAGE_RECORD.frame, second.host >>> 12);
    const ended = !builder.append(instruction, pointer, mode);
    const next = wrapPointer(pointer + instruction.lengthBytes, mode);
    return this.#finish(codeFrame, place, record, [record], ended ? instruction : null, next, {
      start,
      end: PAGE_BYTES,
      second: second.host >>> 12,
      bytes: instruction.lengthBytes - inFirst,
    });
  }

  /** Numbers the instructions left in every record and collects links. `last` is null when the block just goes on. */
  #finish(
    codeFrame: CodeFrame,
    place: CodePlace,
    record: number,
    begins: readonly number[],
    last: Instruction | null,
    next: number,
    extent: { readonly start: number; readonly end: number; readonly second: number; readonly bytes: number },
  ): DecodedBlock {
    const arena = this.#arena;
    const builder = this.#builderOf(place.mode);
    const links: LinkRequest[] = [];
    if (last === null) {
      const enter = builder.appendSpecial("enter", next);
      links.push({ field: enter + RECORD.linkNext, target: next, isLoop: false });
    } else {
      this.#collectLinks(builder, arena.top - RECORD_BYTES, last, next, links, place.mode);
    }
    const end = last === null ? arena.top - RECORD_BYTES : arena.top;
    let remaining = 0;
    for (let at = end - RECORD_BYTES; at >= record; at -= RECORD_BYTES) {
      arena.setU16(at, RECORD.remaining, remaining + 1);
      if (at === begins[begins.length - 1 - remaining]) remaining += 1;
    }
    const block: Block = {
      spot: codeFrame.spotFor(place.mode.number, place.instructionPointer),
      frame: place.host >>> 12,
      secondFrame: extent.second,
      mode: place.mode.number,
      isWide: place.mode.codeBytes === 8,
      instructionPointer: place.instructionPointer,
      start: extent.start,
      end: extent.end,
      secondBytes: extent.bytes,
      record,
      recordCount: recordsBetween(record, arena.top),
      patience: 0,
      leftWhenWarm: 0,
      isAlive: true,
    };
    return { block, links };
  }

  #collectLinks(
    builder: RecordBuilder,
    record: number,
    last: Instruction,
    next: number,
    links: LinkRequest[],
    mode: Mode,
  ): void {
    if (builder.isRare(record)) return;
    const target = directTarget(last, next, mode);
    if (target !== null) {
      const isLoop = last.mnemonic !== "call" && target <= wrapPointer(next - last.lengthBytes, mode);
      links.push({ field: record + RECORD.linkTarget, target, isLoop });
    }
    const isJump = last.mnemonic === "jmp" || last.mnemonic === "call" || last.mnemonic === "ret";
    if (!isJump && !isSystemTransfer(last))
      links.push({ field: record + RECORD.linkNext, target: next, isLoop: false });
  }
}
