import { and, i32, or, shl, shrU, sub, type Value, xor } from "@xenolith/wasm-emitter";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import {
  adjustFlag,
  carryFlag,
  overflowFlag,
  parityFlag,
  signFlag,
  zeroFlag,
} from "../machine/conditions.ts";
import { replaceCarry, setSixFlags } from "../machine/flag-updates.ts";
import { type Definition, exactly, type Meaning } from "./definition.ts";

const cmcMeaning: Meaning = (m) => replaceCarry(m, m.pin(xor(carryFlag(m.flags), 1)));

const directionMeaning =
  (isDown: boolean): Meaning =>
  (m) => {
    const others = and(m.systemFlags(), ~FLAG.df);
    m.setSystemFlags(isDown ? or(others, FLAG.df) : others);
  };

/** AH = SF ZF 0 AF 0 PF 1 CF. */
const lahfMeaning: Meaning = (m) => {
  const { flags } = m;
  const image = [
    shl(parityFlag(flags), 2),
    shl(adjustFlag(flags), 4),
    shl(zeroFlag(flags), 6),
    shl(signFlag(flags), 7),
    i32(FLAG.fixed),
  ].reduce(or, carryFlag(flags));
  m.setHighByte(image);
};

const sahfMeaning: Meaning = (m) => {
  const image = m.pin(shrU(m.register(REGISTER.rax, 2, "zero"), 8));
  const bit = (position: number): Value => m.pin(and(shrU(image, position), 1));
  setSixFlags(m, {
    carry: bit(0),
    parity: bit(2),
    adjust: bit(4),
    zero: bit(6),
    sign: bit(7),
    overflow: m.pin(overflowFlag(m.flags)),
  });
};

/** AL = CF ? 0xff : 0. Not in the manual, but in every processor. */
const salcMeaning: Meaning = (m) => m.setRegister(REGISTER.rax, 1, sub(i32(0), carryFlag(m.flags)));

const plain = (mnemonic: string, sizeBytes: number, meaning: Meaning): Definition => ({
  mnemonic,
  sizes: exactly(sizeBytes),
  forms: [""],
  meaning,
});

/** CLC STC CMC CLD STD LAHF SAHF SALC. [SDM2A-3.2] [SDM2B-4.3] */
export const flagInstructions: readonly Definition[] = [
  plain("clc", 4, (m) => replaceCarry(m, i32(0))),
  plain("stc", 4, (m) => replaceCarry(m, i32(1))),
  plain("cmc", 4, cmcMeaning),
  plain("cld", 4, directionMeaning(false)),
  plain("std", 4, directionMeaning(true)),
  plain("lahf", 1, lahfMeaning),
  plain("sahf", 1, sahfMeaning),
  plain("salc", 1, salcMeaning),
];
