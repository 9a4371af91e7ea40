import { and, gtU, i32, or, select, shrU, TYPE, type Value, widen, wrap, xor } from "@xenolith/wasm-emitter";
import { FLAG } from "@xenolith/x86-architecture";
import { setSixFlags } from "../machine/flag-updates.ts";
import type { Machine } from "../machine/machine.ts";
import { ARITHMETIC_FLAGS } from "../state/flags.ts";
import { STATE } from "../state/layout.ts";
import { SKIP_INTERRUPT_FLAG } from "../support/system/absent-ports.ts";
import { arithmeticImage } from "../support/system/flag-image.ts";
import { INTERRUPT_REQUESTED } from "../support/system/page-invalidation.ts";
import { SET_INTERRUPTS } from "../support/system/segment-loads.ts";
import { UNUSUAL_FLAGS } from "../support/system/system-emitter.ts";
import type { Definition, Meaning, Sizes } from "./definition.ts";

/** Flags that POPF changes at every privilege, but for the unusual ones. */
const FREE_FLAGS = (ARITHMETIC_FLAGS | FLAG.df | FLAG.id) & ~UNUSUAL_FLAGS;

const privilege = (m: Machine): Value => m.stateField(TYPE.i32, 4, STATE.privilege);

/** Whether IF is not to be changed at this privilege. */
const isBeyondIoPrivilege = (m: Machine, flags: Value): Value => gtU(privilege(m), and(shrU(flags, 12), 3));

/** Leaves it to TypeScript when IF is about to be set and an interrupt waits for that. */
const rareIfInterrupted = (m: Machine, before: Value, after: Value): void => {
  const waits = m.temporary(TYPE.i32);
  m.body.set(waits, i32(0));
  m.body.if(and(and(after, xor(before, -1)), FLAG.if));
  const [requested] = m.call(INTERRUPT_REQUESTED);
  m.body.set(waits, requested);
  m.body.end();
  m.rareIf(waits);
};

const clearInterrupts: Meaning = (m) => {
  const before = m.pin(m.systemFlags());
  m.rareIf(or(and(before, FLAG.vm), isBeyondIoPrivilege(m, before)));
  m.setSystemFlags(and(before, ~FLAG.if));
};

const pushFlags: Meaning = (m) => {
  const flags = m.pin(m.systemFlags());
  m.rareIf(and(flags, FLAG.vm));
  const image = or(arithmeticImage(m.flags), and(flags, ~(FLAG.vm | FLAG.rf)));
  m.push(m.sizeBytes, m.sizeBytes === 8 ? widen(image, false) : image);
};

const popFlags: Meaning = (m) => {
  const before = m.pin(m.systemFlags());
  const image = m.pin(wrap(m.peek(m.sizeBytes)));
  m.rareIf(and(or(before, image), UNUSUAL_FLAGS));
  const interrupts = select(i32(0), i32(FLAG.if), isBeyondIoPrivilege(m, before));
  const ioPrivilege = select(i32(0), i32(FLAG.iopl), privilege(m));
  const changeable = m.pin(or(or(interrupts, ioPrivilege), FREE_FLAGS));
  const kept = and(and(before, ~FLAG.rf), xor(changeable, -1));
  const after = m.pin(or(kept, and(image, changeable)));
  rareIfInterrupted(m, before, after);
  m.dropStack(m.sizeBytes);
  m.setSystemFlags(or(and(after, ~ARITHMETIC_FLAGS), FLAG.fixed));
  const bit = (position: number): Value => m.pin(and(shrU(image, position), 1));
  setSixFlags(m, {
    carry: bit(0),
    parity: bit(2),
    adjust: bit(4),
    zero: bit(6),
    sign: bit(7),
    overflow: bit(11),
  });
};

/** Sizes of a push of flags that is not of 16 bits. */
const flagSizes: Sizes = (wide) => (wide ? [8] : [4]);

/** Sizes of operation in 32-bit code of instructions that 64-bit code leaves to TypeScript. */
const narrowOnly =
  (...sizes: readonly number[]): Sizes =>
  (wide) =>
    wide ? [] : sizes;

/** And the other way round. */
const wideOnly =
  (...sizes: readonly number[]): Sizes =>
  (wide) =>
    wide ? sizes : [];

const system = "bare";

/** CLI and STI of 64-bit code under a monitor. */
const skipInterruptFlag: Meaning = (m) => m.system(SKIP_INTERRUPT_FLAG);

/** CLI STI PUSHF POPF, where nothing stands in the way. [SDM2A-3.2] [SDM2B-4.3] */
export const systemFlags: readonly Definition[] = [
  { mnemonic: "cli", sizes: narrowOnly(2, 4), forms: [""], system, meaning: clearInterrupts },
  {
    mnemonic: "sti",
    sizes: narrowOnly(2, 4),
    forms: [""],
    system,
    meaning: (m) => m.system(SET_INTERRUPTS),
  },
  ...["cli", "sti"].map(
    (mnemonic): Definition => ({
      mnemonic,
      sizes: wideOnly(2, 4),
      forms: [""],
      system: "monitored",
      meaning: skipInterruptFlag,
      underMonitor: skipInterruptFlag,
    }),
  ),
  { mnemonic: "pushf", sizes: flagSizes, forms: [""], system: "both", meaning: pushFlags },
  { mnemonic: "popf", sizes: flagSizes, forms: [""], system: "both", meaning: popFlags },
];
