import { ATTRIBUTE, CR0, EFER, FLAG, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { CodeBytes } from "../decoder/index.ts";
import { MSR_SLOT, SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/**
 * All that decides how code is decoded and turned into records. Two VCPUs in equal modes share records. Privilege and paging
 * are not part of it: they are checked when code and data are accessed.
 */
export interface Mode {
  /** Number in the state block and in the jump cache. */
  readonly number: number;
  readonly codeBytes: CodeBytes;
  /** Linear base of CS, and last offset that may be executed. */
  readonly codeBase: number;
  readonly codeLimit: number;
  /**
   * Bit n: segment n has base 0 and no limit below that of the space, and may be read and written. CS never is in protected
   * mode, because data behind a CS prefix cannot be written.
   */
  readonly flatSegments: number;
  /** Whether SS is flat and uses all of ESP: else the careful interpreter is needed. */
  readonly hasFlatStack: boolean;
}

const LAST_OFFSET = 0xffff_ffff;

/** Most modes that are told apart before all decoded code is forgotten. */
const CAPACITY = 1024;

/** Whether a segment is flat. A null FS or GS is not. */
export const isFlat = (mode: Mode, segment: SegmentIndex): boolean =>
  ((mode.flatSegments >> segment) & 1) === 1;

const isFlatSegment = (state: VcpuState, index: SegmentIndex, flatLimit: number): boolean => {
  const at = STATE.segments + index * SEGMENT_BYTES;
  return (
    state.u32(at + SEGMENT_FIELD.base) === 0 &&
    state.u32(at + SEGMENT_FIELD.writeFirst) === 0 &&
    state.u32(at + SEGMENT_FIELD.writeLast) >= flatLimit &&
    state.u32(at + SEGMENT_FIELD.readFirst) === 0 &&
    state.u32(at + SEGMENT_FIELD.readLast) >= flatLimit
  );
};

const CHECKED_SEGMENTS: readonly SegmentIndex[] = [SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds];

const codeBytesOf = (state: VcpuState, attributes: number): CodeBytes => {
  if ((state.control(0) & CR0.pe) === 0 || (state.systemFlags & FLAG.vm) !== 0) {
    return attributes & ATTRIBUTE.big ? 4 : 2;
  }
  const isLong = (Number(state.msr(MSR_SLOT.efer) & 0xffffn) & EFER.lma) !== 0;
  if (isLong && (attributes & ATTRIBUTE.long) !== 0) return 8;
  return attributes & ATTRIBUTE.big ? 4 : 2;
};

/** What a mode is made of, before it has a number. */
type ModeParts = Omit<Mode, "number">;

const partsOf = (state: VcpuState, flatLimit: number): ModeParts => {
  let flatSegments = 0;
  for (const index of CHECKED_SEGMENTS)
    if (isFlatSegment(state, index, flatLimit)) flatSegments |= 1 << index;
  const codeAt = STATE.segments + SEGMENT_BYTES * SEGMENT.cs;
  const limit = state.u32(codeAt + SEGMENT_FIELD.limit);
  return {
    codeBytes: codeBytesOf(state, state.u32(codeAt + SEGMENT_FIELD.attributes)),
    codeBase: state.address(STATE.codeBase),
    codeLimit: limit >= flatLimit ? LAST_OFFSET : limit,
    flatSegments,
    hasFlatStack: (flatSegments & (1 << SEGMENT.ss)) !== 0 && state.u32(STATE.stackMask) === LAST_OFFSET,
  };
};

/** Modes seen so far, numbered. Few in practice; {@link isFull} says when it is time to start over. */
export class ModeTable {
  readonly #modes: Mode[] = [];
  /** Modes with flat code, by all else. */
  readonly #flat: (Mode | undefined)[] = [];
  readonly #others = new Map<string, Mode>();

  /** Whether so many modes are known that the code cache should be flushed and the table cleared. */
  get isFull(): boolean {
    return this.#modes.length >= CAPACITY;
  }

  clear(): void {
    this.#modes.length = 0;
    this.#flat.length = 0;
    this.#others.clear();
  }

  /** The mode a VCPU is in. `flatLimit`: last linear address of its space. */
  modeOf(state: VcpuState, flatLimit: number): Mode {
    const parts = partsOf(state, flatLimit);
    const rest = (parts.flatSegments << 5) | (parts.codeBytes << 1) | (parts.hasFlatStack ? 1 : 0);
    if (parts.codeBase === 0 && parts.codeLimit === LAST_OFFSET) {
      const known = this.#flat[rest];
      if (known !== undefined) return known;
      const mode = this.#number(parts);
      this.#flat[rest] = mode;
      return mode;
    }
    const key = `${parts.codeBase} ${parts.codeLimit} ${rest}`;
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const mode = this.#number(parts);
    this.#others.set(key, mode);
    return mode;
  }

  #number(parts: ModeParts): Mode {
    const mode = { number: this.#modes.length, ...parts };
    this.#modes.push(mode);
    return mode;
  }
}
