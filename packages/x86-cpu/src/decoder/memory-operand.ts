import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { ByteReader } from "./byte-reader.ts";
import type { MemoryOperand } from "./instruction.ts";

/** What the address of a memory operand is decoded from. */
export interface AddressContext {
  readonly reader: ByteReader;
  readonly code: number;
  readonly addressBytes: 2 | 4 | 8;
  readonly modRm: number;
  readonly rex: number;
  readonly segment: number;
}

const NONE = -1;
const { rbx, rsp, rbp, rsi, rdi } = REGISTER;

/** Base and index of the eight 16-bit address forms. [SDM2A-2.1.5 table 2-1] */
const SHORT_FORMS: readonly (readonly [number, number])[] = [
  [rbx, rsi],
  [rbx, rdi],
  [rbp, rsi],
  [rbp, rdi],
  [rsi, NONE],
  [rdi, NONE],
  [rbp, NONE],
  [rbx, NONE],
];

const displacementOf = (context: AddressContext, mod: number, full: () => number): number => {
  if (mod === 1) return context.reader.i8();
  return mod === 2 ? full() : 0;
};

const memory = (
  context: AddressContext,
  base: number,
  index: number,
  scale: number,
  displacement: number,
  sizeBytes: number,
): MemoryOperand => {
  const usesStack = base === rbp || base === rsp;
  const byDefault = usesStack ? SEGMENT.ss : SEGMENT.ds;
  const segment = context.segment < 0 ? byDefault : context.segment;
  return { kind: "memory", segment, base, index, scale, displacement, isRipRelative: false, sizeBytes };
};

const decodeShort = (context: AddressContext, sizeBytes: number): MemoryOperand => {
  const mod = context.modRm >> 6;
  const rm = context.modRm & 7;
  const full = (): number => (context.reader.u16() << 16) >> 16;
  if (mod === 0 && rm === 6) return memory(context, NONE, NONE, 0, full(), sizeBytes);
  const [base, index] = SHORT_FORMS[rm] ?? [NONE, NONE];
  return memory(context, base, index, 0, displacementOf(context, mod, full), sizeBytes);
};

const decodeScaled = (context: AddressContext, mod: number, sizeBytes: number): MemoryOperand => {
  const sib = context.reader.u8();
  const index = ((sib >> 3) & 7) | (context.rex & 2 ? 8 : 0);
  const full = (): number => context.reader.i32();
  const hasBase = (sib & 7) !== rbp || mod !== 0;
  const base = hasBase ? (sib & 7) | (context.rex & 1 ? 8 : 0) : NONE;
  const displacement = hasBase ? displacementOf(context, mod, full) : full();
  return memory(
    context,
    base,
    index === rsp ? NONE : index,
    index === rsp ? 0 : sib >> 6,
    displacement,
    sizeBytes,
  );
};

/** Decodes the memory operand of a ModRM byte whose mode field is not 3. [SDM2A-2.1.5] */
export const decodeMemory = (context: AddressContext, sizeBytes: number): MemoryOperand => {
  if (context.addressBytes === 2) return decodeShort(context, sizeBytes);
  const mod = context.modRm >> 6;
  const rm = context.modRm & 7;
  const full = (): number => context.reader.i32();
  if (rm === rsp) return decodeScaled(context, mod, sizeBytes);
  if (mod === 0 && rm === rbp) {
    const plain = memory(context, NONE, NONE, 0, full(), sizeBytes);
    return context.code === 8 ? { ...plain, isRipRelative: true } : plain;
  }
  return memory(
    context,
    rm | (context.rex & 1 ? 8 : 0),
    NONE,
    0,
    displacementOf(context, mod, full),
    sizeBytes,
  );
};
