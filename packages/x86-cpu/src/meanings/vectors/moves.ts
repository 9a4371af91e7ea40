import {
  bitselect,
  convert,
  extractLane,
  i32,
  replaceLane,
  shuffle,
  TYPE,
  type Value,
  v128,
  vectorShift,
  vectorTest,
} from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { beginMmx, enterMmx } from "../../machine/mmx.ts";
import { STATE } from "../../state/layout.ts";
import type { Definition, Meaning } from "../definition.ts";
import { operandBytesWith, vectorForms, withMmx } from "./forms.ts";

const zero = v128(0n);
const LOW = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const HIGH = [8, 9, 10, 11, 12, 13, 14, 15] as const;
const ofSecond = (bytes: readonly number[]): number[] => bytes.map((byte) => byte + 16);

/** The low `bytes` of the second vector, the rest of the first. */
export const mergeLow = (bytes: number, a: Value, b: Value): Value =>
  shuffle(
    a,
    b,
    Array.from({ length: 16 }, (_, index) => (index < bytes ? 16 + index : index)),
  );

/** A whole vector, by loads and stores that must or need not be aligned. */
const whole =
  (isAligned: boolean): Meaning =>
  (m) =>
    m.setVector(0, m.vector(1, isAligned), isAligned);

const wholeMoves = (mnemonics: readonly string[], isAligned: boolean): readonly Definition[] =>
  mnemonics.map((mnemonic) => vectorForms(mnemonic, ["xx", "xm", "mx"], 16, whole(isAligned)));

/** MOVSS and MOVSD between registers keep what is above; from memory they clear it. */
const scalarMove = (mnemonic: string, bytes: number): readonly Definition[] => [
  vectorForms(mnemonic, ["xx"], bytes, (m) => m.setVector(0, mergeLow(bytes, m.vector(0), m.vector(1)))),
  vectorForms(mnemonic, ["xm", "mx"], bytes, (m) => m.setVector(0, m.vector(1))),
];

const halfMoves = (suffix: string): readonly Definition[] => [
  vectorForms(`movl${suffix}`, ["xm"], 8, (m) => {
    const b = m.vector(1);
    m.setVector(0, mergeLow(8, m.vector(0), b));
  }),
  vectorForms(`movl${suffix}`, ["mx"], 8, (m) => m.setVector(0, m.vector(1))),
  vectorForms(`movh${suffix}`, ["xm"], 8, (m) => {
    const b = m.vector(1);
    m.setVector(0, shuffle(m.vector(0), b, [...LOW, ...ofSecond(LOW)]));
  }),
  vectorForms(`movh${suffix}`, ["mx"], 8, (m) => {
    const b = m.vector(1);
    m.setVector(0, shuffle(b, b, [...HIGH, ...HIGH]));
  }),
];

const halfCopies: readonly Definition[] = [
  vectorForms("movhlps", ["xx"], 16, (m) =>
    m.setVector(0, shuffle(m.vector(0), m.vector(1), [...ofSecond(HIGH), ...HIGH])),
  ),
  vectorForms("movlhps", ["xx"], 16, (m) =>
    m.setVector(0, shuffle(m.vector(0), m.vector(1), [...LOW, ...ofSecond(LOW)])),
  ),
];

/** MOVQ clears the upper half of its destination register. */
const quadMoves: readonly Definition[] = [
  vectorForms("movq", ["xx"], 8, (m) => m.setVector(0, mergeLow(8, zero, m.vector(1)))),
  vectorForms("movq", ["xm", "mx"], 8, (m) => m.setVector(0, m.vector(1))),
  vectorForms("movq", ["nn", "nm"], 8, (m) => withMmx(m, () => m.vector(1))),
  vectorForms("movq2dq", ["xn"], 8, (m) => {
    beginMmx(m);
    enterMmx(m);
    m.setVector(0, m.vector(1));
  }),
  vectorForms("movdq2q", ["nx"], 8, (m) => withMmx(m, () => m.vector(1))),
];

/** Stores of an MMX register: the x87 state changes only when they have succeeded. */
const mmxStore: Meaning = (m) => {
  beginMmx(m);
  m.setVector(0, m.vector(1));
  enterMmx(m);
};

const fromGeneral = (m: Machine): Value => {
  const value = m.pin(m.read(1, "any"));
  return replaceLane(value.type === TYPE.i64 ? "i64x2" : "i32x4", zero, 0, value);
};

const toGeneral = (m: Machine): Value => extractLane(m.type === TYPE.i64 ? "i64x2" : "i32x4", m.vector(1), 0);

/** MOVD and, with 64-bit operands, MOVQ between vector and general registers or memory. */
const generalMove = (forms: readonly string[], meaning: Meaning): Definition => ({
  mnemonic: "movd",
  sizes: (wide) => (wide ? [4, 8] : [4]),
  forms,
  operandBytes: (sizeBytes, position, letter) =>
    letter === "m" ? sizeBytes : operandBytesWith(0)(sizeBytes, position, letter),
  meaning,
});

const signMask = (mnemonic: string, shape: "i8x16" | "i32x4" | "i64x2"): Definition =>
  vectorForms(mnemonic, ["rx"], 0, (m) => m.write(0, vectorTest(`${shape}.bitmask`, m.vector(1))));

/** Stores the bytes of operand 1 whose byte in operand 2 has its top bit set. */
const maskedStore =
  (bytes: 8 | 16): Meaning =>
  (m) => {
    if (bytes === 8) beginMmx(m);
    const value = m.pin(m.vector(1));
    const mask = m.pin(vectorShift("i8x16.shrS", m.vector(2), i32(7)));
    const target = m.modifyVector(bytes, m.address());
    target.set(bitselect(value, target.get(), mask));
    if (bytes === 8) enterMmx(m);
  };

/** Moves of MMX, SSE and SSE2. [SDM2B-4.3] */
export const vectorMoves: readonly Definition[] = [
  ...wholeMoves(["movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq", "movntdqa"], true),
  ...wholeMoves(["movups", "movupd", "movdqu", "lddqu"], false),
  ...scalarMove("movss", 4),
  ...scalarMove("movsd", 8),
  ...halfMoves("ps"),
  ...halfMoves("pd"),
  ...halfCopies,
  ...quadMoves,
  vectorForms("movq", ["mn"], 8, mmxStore),
  vectorForms("movntq", ["mn"], 8, mmxStore),
  generalMove(["xr", "xm"], (m) => m.setVector(0, fromGeneral(m))),
  generalMove(["rx", "mx"], (m) => m.write(0, toGeneral(m))),
  generalMove(["nr", "nm"], (m) => withMmx(m, () => fromGeneral(m))),
  generalMove(["rn", "mn"], (m) => {
    beginMmx(m);
    m.write(0, toGeneral(m));
    enterMmx(m);
  }),
  signMask("pmovmskb", "i8x16"),
  signMask("movmskps", "i32x4"),
  signMask("movmskpd", "i64x2"),
  vectorForms("pmovmskb", ["rn"], 0, (m) => {
    beginMmx(m);
    m.write(0, vectorTest("i8x16.bitmask", m.vector(1)));
    enterMmx(m);
  }),
  vectorForms("maskmovdqu", ["mxx"], 16, maskedStore(16)),
  vectorForms("maskmovq", ["mnn"], 8, maskedStore(8)),
  {
    mnemonic: "movnti",
    sizes: (wide) => (wide ? [4, 8] : [4]),
    forms: ["mr"],
    meaning: (m) => m.write(0, convert(m.read(1, "any"), m.type)),
  },
  vectorForms("emms", [""], 0, (m) => {
    beginMmx(m);
    m.setStateField(4, STATE.x87Tags, i32(0));
  }),
];
