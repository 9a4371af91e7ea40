import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Encoding } from "./encoding.ts";
import type { MemoryOperand } from "./instruction.ts";

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

/** Displacement of 1 byte, or of `fullBytes`, or none, as the mode field says. */
const displacementOf = ({ reader }: Encoding, mod: number, fullBytes: 2 | 4): number => {
  if (mod === 1) return reader.i8();
  if (mod !== 2) return 0;
  return fullBytes === 2 ? reader.i16() : reader.i32();
};

const memory = (
  encoding: Encoding,
  base: number,
  index: number,
  scale: number,
  displacement: number,
  sizeBytes: number,
): MemoryOperand => {
  const usesStack = base === rbp || base === rsp;
  const byDefault = usesStack ? SEGMENT.ss : SEGMENT.ds;
  const segment = encoding.segment < 0 ? byDefault : encoding.segment;
  const { isRipRelative } = encoding;
  return { kind: "memory", segment, base, index, scale, displacement, isRipRelative, sizeBytes };
};

const decodeShort = (encoding: Encoding, sizeBytes: number): MemoryOperand => {
  const mod = encoding.modRm >> 6;
  const rm = encoding.modRm & 7;
  if (mod === 0 && rm === 6) return memory(encoding, NONE, NONE, 0, encoding.reader.i16(), sizeBytes);
  const [base, index] = SHORT_FORMS[rm] ?? [NONE, NONE];
  return memory(encoding, base, index, 0, displacementOf(encoding, mod, 2), sizeBytes);
};

const decodeScaled = (encoding: Encoding, mod: number, sizeBytes: number): MemoryOperand => {
  const sib = encoding.reader.u8();
  const index = ((sib >> 3) & 7) | (encoding.rex & 2 ? 8 : 0);
  const hasBase = (sib & 7) !== rbp || mod !== 0;
  const base = hasBase ? (sib & 7) | (encoding.rex & 1 ? 8 : 0) : NONE;
  const displacement = hasBase ? displacementOf(encoding, mod, 4) : encoding.reader.i32();
  return memory(
    encoding,
    base,
    index === rsp ? NONE : index,
    index === rsp ? 0 : sib >> 6,
    displacement,
    sizeBytes,
  );
};

/** Decodes the memory operand of a ModRM byte whose mode field is not 3. [SDM2A-2.1.5] */
export const decodeMemory = (encoding: Encoding, sizeBytes: number): MemoryOperand => {
  if (encoding.addressBytes === 2) return decodeShort(encoding, sizeBytes);
  const mod = encoding.modRm >> 6;
  const rm = encoding.modRm & 7;
  if (rm === rsp) return decodeScaled(encoding, mod, sizeBytes);
  if (mod === 0 && rm === rbp) {
    encoding.isRipRelative = encoding.code === 8;
    return memory(encoding, NONE, NONE, 0, encoding.reader.i32(), sizeBytes);
  }
  return memory(
    encoding,
    rm | (encoding.rex & 1 ? 8 : 0),
    NONE,
    0,
    displacementOf(encoding, mod, 4),
    sizeBytes,
  );
};

/** An operand whose displacement counts from the end of an instruction, with one that counts from its start. */
export const fromStart = (operand: MemoryOperand, lengthBytes: number): MemoryOperand => ({
  kind: "memory",
  segment: operand.segment,
  base: operand.base,
  index: operand.index,
  scale: operand.scale,
  displacement: operand.displacement + lengthBytes,
  isRipRelative: operand.isRipRelative,
  sizeBytes: operand.sizeBytes,
});
