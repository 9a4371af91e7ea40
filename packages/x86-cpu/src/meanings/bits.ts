import { and, clz, constant, convert, ctz, or, shl, sub, type Value, xor } from "@xenolith/wasm-emitter";
import { replaceCarry } from "../machine/flag-updates.ts";
import type { Machine, Place } from "../machine/machine.ts";
import { type Definition, type Meaning, WORD_SIZES } from "./definition.ts";

type Change = ((m: Machine, value: Value, mask: Value) => Value) | null;

/** For a bit string in memory the engine's address already contains the byte offset that the register says. */
const bitTest =
  (change: Change): Meaning =>
  (m) => {
    const place: Place | null = change === null ? null : m.modify(0);
    const old = m.pin(place === null ? m.read(0) : place.get());
    const position = m.pin(and(convert(m.read(1), m.type), m.bits - 1));
    if (place !== null && change !== null) place.set(change(m, old, shl(constant(m.type, 1), position)));
    replaceCarry(m, m.pin(m.bit(old, position)));
  };

const bitForms = (mnemonic: string, change: Change): Definition => ({
  mnemonic,
  sizes: WORD_SIZES,
  forms: ["rr", "mr", "ri", "mi"],
  meaning: bitTest(change),
});

/** The destination stays as it is when no bit is set. */
const scan =
  (position: (m: Machine, value: Value) => Value): Meaning =>
  (m) => {
    const value = m.pin(m.read(1, "zero"));
    m.when(m.isNotZero(value), () => m.write(0, position(m, value)));
    m.setLogicFlags(value);
  };

const lastBit = (m: Machine): number => (m.sizeBytes === 8 ? 63 : 31);

/** BT BTS BTR BTC BSF BSR. [SDM2A-3.2] */
export const bits: readonly Definition[] = [
  bitForms("bt", null),
  bitForms("bts", (_m, value, mask) => or(value, mask)),
  bitForms("btr", (m, value, mask) => and(value, m.invert(mask))),
  bitForms("btc", (_m, value, mask) => xor(value, mask)),
  { mnemonic: "bsf", sizes: WORD_SIZES, forms: ["rr", "rm"], meaning: scan((_m, value) => ctz(value)) },
  {
    mnemonic: "bsr",
    sizes: WORD_SIZES,
    forms: ["rr", "rm"],
    meaning: scan((m, value) => sub(constant(m.type, lastBit(m)), clz(value))),
  },
];
