import { ATTRIBUTE, CR0, CR4, EFER, FLAG, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
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
  /** Linear base of CS, and last offset that may be executed. 64-bit code: 0, and the end of the lower canonical half. */
  readonly codeBase: number;
  readonly codeLimit: number;
  /**
   * Bit n: segment n has base 0 and no limit below that of the space, and may be read and written. CS never is in protected
   * mode, because data behind a CS prefix cannot be written.
   */
  readonly flatSegments: number;
  /** Whether SS is flat and uses all of ESP: else the careful interpreter is needed. */
  readonly hasFlatStack: boolean;
  /** Which units instructions may use: bits of {@link UNIT}. */
  readonly units: number;
}

const LAST_OFFSET = 0xffff_ffff;
/** Last offset that may be executed in the lower canonical half; those of the upper half are negative. */
const LAST_CANONICAL = 2 ** 47 - 1;

/** Most modes that are told apart before all decoded code is forgotten. */
const CAPACITY = 1024;

/** Number of the first mode in which stops are ignored; those below honour them. See `RunObserver`. */
export const FIRST_MODE_WITHOUT_STOPS: number = CAPACITY;

/** Whether a segment is flat. A null FS or GS is not. */
export const isFlat = (mode: Mode, segment: SegmentIndex): boolean =>
  ((mode.flatSegments >> segment) & 1) === 1;

const CHECKED_SEGMENTS: readonly SegmentIndex[] = [SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds];

/** Size of the code in CS, by its default operands. */
export const codeBytesOf = (state: VcpuState): CodeBytes => {
  const attributes = state.segmentField(SEGMENT.cs, SEGMENT_FIELD.attributes);
  if ((state.control(0) & CR0.pe) === 0 || (state.systemFlags & FLAG.vm) !== 0) {
    return attributes & ATTRIBUTE.big ? 4 : 2;
  }
  const isLong = (state.u32(STATE.msr + 8 * MSR_SLOT.efer) & EFER.lma) !== 0;
  if (isLong && (attributes & ATTRIBUTE.long) !== 0) return 8;
  return attributes & ATTRIBUTE.big ? 4 : 2;
};

/** Bit n: segment n is flat up to an address. */
const flatSegmentsOf = (state: VcpuState, flatLimit: number): number => {
  let flat = 0;
  for (const index of CHECKED_SEGMENTS) {
    const last = state.u32(STATE.segments + SEGMENT_BYTES * index + SEGMENT_FIELD.flatLast);
    if (last >= flatLimit) flat |= 1 << index;
  }
  return flat;
};

/**
 * Units that a system may switch off, as bits. `x87`: registers of x87 and MMX, by neither CR0.EM nor CR0.TS; `vectors`: those
 * of SSE, by CR4.OSFXSR as well; `wait`: WAIT, by not both CR0.MP and CR0.TS. [SDM3A-2.5]
 */
export const UNIT = { x87: 1, vectors: 2, wait: 4 } as const;

const unitsOf = (state: VcpuState): number => {
  const control = state.control(0);
  const hasX87 = (control & (CR0.em | CR0.ts)) === 0;
  const hasVectors = hasX87 && (state.control(4) & CR4.osfxsr) !== 0;
  const hasWait = (control & CR0.mp) === 0 || (control & CR0.ts) === 0;
  return (hasX87 ? UNIT.x87 : 0) | (hasVectors ? UNIT.vectors : 0) | (hasWait ? UNIT.wait : 0);
};

/** Modes seen so far, numbered. Few in practice; {@link isFull} says when it is time to start over. */
export class ModeTable {
  readonly #modes: Mode[] = [];
  /** Modes with flat code, by all else. */
  readonly #flat = new Map<number, Mode>();
  readonly #others = new Map<string, Mode>();
  /** Modes of 64-bit code, by the units that may be used. */
  readonly #wide: (Mode | undefined)[] = [];
  readonly #first: number;

  /** `first`: the number of the first mode. */
  constructor(first = 0) {
    this.#first = first;
  }

  /** Whether so many modes are known that the code cache should be flushed and the table cleared. */
  get isFull(): boolean {
    return this.#modes.length >= CAPACITY;
  }

  clear(): void {
    this.#modes.length = 0;
    this.#flat.clear();
    this.#others.clear();
    this.#wide.length = 0;
  }

  /** 64-bit code has no segments but FS and GS. [SDM3A-3.2.4] */
  #addWide(units: number): Mode {
    const mode: Mode = {
      number: this.#first + this.#modes.length,
      codeBytes: 8,
      codeBase: 0,
      codeLimit: LAST_CANONICAL,
      flatSegments: CHECKED_SEGMENTS.reduce((flat, index) => flat | (1 << index), 0),
      hasFlatStack: true,
      units,
    };
    this.#modes.push(mode);
    this.#wide[units] = mode;
    return mode;
  }

  /** The mode a VCPU is in. `flatLimit`: last linear address of its space. */
  modeOf(state: VcpuState, flatLimit: number): Mode {
    const codeAt = STATE.segments + SEGMENT_BYTES * SEGMENT.cs;
    const codeBytes = codeBytesOf(state);
    const units = unitsOf(state);
    if (codeBytes === 8) return this.#wide[units] ?? this.#addWide(units);
    const limit = state.u32(codeAt + SEGMENT_FIELD.limit);
    const codeLimit = limit >= flatLimit ? LAST_OFFSET : limit;
    const codeBase = state.address(STATE.codeBase);
    const flatSegments = flatSegmentsOf(state, flatLimit);
    const isFlatStack = (flatSegments & (1 << SEGMENT.ss)) !== 0;
    const hasFlatStack = isFlatStack && state.u32(STATE.stackMask) === LAST_OFFSET;
    const rest = (units << 16) | (flatSegments << 5) | (codeBytes << 1) | (hasFlatStack ? 1 : 0);
    const isFlatCode = codeBase === 0 && codeLimit === LAST_OFFSET;
    const known = isFlatCode ? this.#flat.get(rest) : this.#others.get(`${codeBase} ${codeLimit} ${rest}`);
    if (known !== undefined) return known;
    const number = this.#first + this.#modes.length;
    const mode = {
      number,
      codeBytes,
      codeBase,
      codeLimit,
      flatSegments,
      hasFlatStack,
      units,
    };
    this.#modes.push(mode);
    if (isFlatCode) this.#flat.set(rest, mode);
    else this.#others.set(`${codeBase} ${codeLimit} ${rest}`, mode);
    return mode;
  }
}
