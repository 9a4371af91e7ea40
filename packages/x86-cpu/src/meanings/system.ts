import {
  add,
  and,
  convert,
  i32,
  i64,
  isZero,
  load,
  or,
  shl,
  shrU,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { REGISTER, SEGMENT, type SegmentIndex, VECTOR } from "@xenolith/x86-architecture";
import type { Machine } from "../machine/machine.ts";
import { CPUID_TABLE } from "../state/cpuid-table.ts";
import { SEGMENT_BYTES, SEGMENT_FIELD, STATE, STATE_BYTES } from "../state/layout.ts";
import { ENTER_SYSTEM, LEAVE_SYSTEM } from "../support/system/fast-calls.ts";
import { ANSWER_IDENTITY } from "../support/system/identification.ts";
import { ENTER_INTERRUPT } from "../support/system/interrupt-entry.ts";
import { RETURN_FROM_INTERRUPT } from "../support/system/interrupt-exit.ts";
import { RESTORE_LEGACY_AREA, SAVE_LEGACY_AREA } from "../support/system/legacy-area.ts";
import { FORGET_PAGE } from "../support/system/page-invalidation.ts";
import { PORT_IN, PORT_OUT, READ_TIMESTAMP } from "../support/system/ports.ts";
import { LOAD_DATA_SEGMENT, LOAD_STACK_SEGMENT } from "../support/system/segment-loads.ts";
import { CALL_MONITOR } from "../support/system/side-gates.ts";
import { RETURN_FROM_INTERRUPT_WIDE } from "../support/system/wide-interrupt-exit.ts";
import { type Definition, type Meaning, type Sizes, STACK_SIZES, WORD_SIZES } from "./definition.ts";

/** Segment registers by the name that their forms carry. */
export const SEGMENT_NAMES: readonly string[] = ["es", "cs", "ss", "ds", "fs", "gs"];

/** Mnemonic of the form of an instruction that names a segment register. */
export const segmentMnemonic = (mnemonic: string, segment: SegmentIndex): string =>
  `${mnemonic}-${SEGMENT_NAMES[segment] ?? "none"}`;

/** Mnemonic of the form of a move from or to a control register. */
export const controlMnemonic = (mnemonic: string, control: number): string => `${mnemonic}-${control}`;

const narrowOnly =
  (...sizes: readonly number[]): Sizes =>
  (wide) =>
    wide ? [] : sizes;

const selectorOf = (m: Machine, segment: SegmentIndex): Value =>
  m.stateField(TYPE.i32, 4, STATE.segments + SEGMENT_BYTES * segment + SEGMENT_FIELD.selector);

const loadDataSegment = (m: Machine, segment: SegmentIndex, selector: Value): void => {
  const [refused] = m.call(LOAD_DATA_SEGMENT, i32(segment), selector);
  if (refused !== undefined) m.rareIf(refused);
};

const moveTo =
  (segment: SegmentIndex): Meaning =>
  (m) => {
    const selector = m.pin(m.read(1, "zero"));
    if (segment === SEGMENT.ss) m.system(LOAD_STACK_SEGMENT, selector, i32(0));
    else loadDataSegment(m, segment, selector);
  };

const popInto =
  (segment: SegmentIndex): Meaning =>
  (m) => {
    const selector = m.pin(and(m.peek(m.sizeBytes), 0xffff));
    if (segment === SEGMENT.ss) {
      m.system(LOAD_STACK_SEGMENT, selector, i32(m.sizeBytes));
      return;
    }
    loadDataSegment(m, segment, selector);
    m.dropStack(m.sizeBytes);
  };

/** In 64-bit code a null selector takes the place of another: all that changes is the selector, and the base of FS or GS. */
const moveNullTo =
  (segment: SegmentIndex): Meaning =>
  (m) => {
    const at = STATE.segments + SEGMENT_BYTES * segment;
    const selector = m.pin(m.read(1, "zero"));
    const field = (offset: number): Value => m.stateField(TYPE.i32, 4, at + offset);
    const isUsed = or(field(SEGMENT_FIELD.attributes), field(SEGMENT_FIELD.limit));
    m.rareIf(or(and(selector, 0xfffc), isUsed));
    m.setStateField(4, at + SEGMENT_FIELD.selector, selector);
    m.setStateField(8, at + SEGMENT_FIELD.base, i64(0));
  };

const moveFrom =
  (segment: SegmentIndex): Meaning =>
  (m) =>
    m.write(0, convert(selectorOf(m, segment), m.type));

const pushFrom =
  (segment: SegmentIndex): Meaning =>
  (m) =>
    m.push(m.sizeBytes, selectorOf(m, segment));

const LOADABLE: readonly SegmentIndex[] = [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs];
const ALL: readonly SegmentIndex[] = [SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs];

/** Goes on by way of a lookup: the page of this code may be the one that is forgotten. */
const invalidatePage: Meaning = (m) => m.system(FORGET_PAGE, m.pin(wrap(m.address())));

const interrupt =
  (vector: (m: Machine) => Value): Meaning =>
  (m) =>
    m.system(ENTER_INTERRUPT, m.pin(vector(m)), i32(-1), i32(0), i32(1));

/** INT, IRET, SYSENTER and what else goes elsewhere, by flat segments; a monitor sees them all. [SDM2A-3.2] [SDM2B-4.3] */
const transfers: readonly Definition[] = [
  {
    mnemonic: "int",
    sizes: narrowOnly(2, 4),
    forms: ["i"],
    operandBytes: () => 1,
    system: "both",
    meaning: interrupt((m) => and(m.read(0), 0xff)),
  },
  {
    mnemonic: "int3",
    sizes: narrowOnly(2, 4),
    forms: [""],
    system: "bare",
    meaning: interrupt(() => i32(VECTOR.breakpoint)),
  },
  {
    mnemonic: "iret",
    sizes: narrowOnly(4),
    forms: [""],
    system: "both",
    meaning: (m) => m.system(RETURN_FROM_INTERRUPT),
  },
  {
    mnemonic: "iret",
    sizes: (wide) => (wide ? [8] : []),
    forms: [""],
    system: "monitored",
    meaning: (m) => m.system(RETURN_FROM_INTERRUPT_WIDE),
  },
  {
    mnemonic: "sysenter",
    sizes: narrowOnly(2, 4),
    forms: [""],
    system: "bare",
    meaning: (m) => m.system(ENTER_SYSTEM),
  },
  {
    mnemonic: "sysexit",
    sizes: narrowOnly(4),
    forms: [""],
    system: "bare",
    meaning: (m) => m.system(LEAVE_SYSTEM),
  },
  {
    mnemonic: "syscall",
    sizes: (wide) => (wide ? [4] : []),
    forms: [""],
    system: "monitored",
    meaning: (m) => m.system(CALL_MONITOR),
  },
  {
    mnemonic: "invlpg",
    sizes: narrowOnly(2, 4),
    forms: ["m"],
    operandBytes: () => 0,
    system: "bare",
    meaning: invalidatePage,
  },
];

const portOf = (m: Machine, which: number): Value =>
  m.isOperand(which, "immediate") ? m.pin(and(m.read(which), 0xff)) : m.pin(m.read(which, "zero"));

const identify: Meaning = (m) => {
  const { leaves, entryBytes, valid } = CPUID_TABLE;
  const leaf = m.pin(m.register(REGISTER.rax, 4, "zero"));
  m.rareIf(and(leaf, 0x7fff_ffff & ~(leaves - 1)));
  const index = or(and(leaf, leaves - 1), shl(shrU(leaf, 31), Math.log2(leaves)));
  // The table lies behind the block.
  const entry = m.pin(add(shl(index, Math.log2(entryBytes)), add(m.stateBlock(), STATE_BYTES)));
  m.rareIf(isZero(load(TYPE.i32, 4, false, entry, valid)));
  for (const [position, register] of [REGISTER.rax, REGISTER.rbx, REGISTER.rcx, REGISTER.rdx].entries())
    m.setRegister(register, 4, load(TYPE.i32, 4, false, entry, 4 * position));
};

const readControl =
  (number: number): Meaning =>
  (m) => {
    m.rareIf(m.stateField(TYPE.i32, 4, STATE.privilege));
    m.write(0, m.stateField(TYPE.i32, 4, STATE.control + 8 * number));
  };

/** The port is in DX or a byte of the instruction. */
const portBytes =
  (portPosition: number) =>
  (sizeBytes: number, position: number, letter: string): number => {
    if (position !== portPosition) return sizeBytes;
    return letter === "i" ? 1 : 2;
  };

/** IN and OUT: of 64-bit code under a monitor only. Each form is said once, so that 32-bit code has it everywhere. */
const ports = ([false, true] as const).flatMap((ofWide): Definition[] => {
  const sizes: Sizes = (wide) => (wide === ofWide ? [1, 2, 4] : []);
  const system = ofWide ? "monitored" : "both";
  const write: Meaning = (m) => m.system(PORT_OUT, portOf(m, 0), i32(m.sizeBytes));
  const read: Meaning = (m) => m.system(PORT_IN, portOf(m, 1), i32(m.sizeBytes));
  return [
    { mnemonic: "out", sizes, forms: ["rr", "ir"], operandBytes: portBytes(0), system, meaning: write },
    { mnemonic: "in", sizes, forms: ["rr", "ri"], operandBytes: portBytes(1), system, meaning: read },
  ];
});

/** What leads out of the processor, or tells about it. [SDM2A-3.2] [SDM2B-4.3] */
const outside: readonly Definition[] = [
  ...ports,
  ...["rdtsc", "rdtscp"].map(
    (mnemonic): Definition => ({
      mnemonic,
      sizes: () => [2, 4],
      forms: [""],
      system: "both",
      meaning: (m) => m.system(READ_TIMESTAMP, i32(mnemonic === "rdtscp" ? 1 : 0)),
    }),
  ),
  {
    mnemonic: "cpuid",
    sizes: () => [2, 4],
    forms: [""],
    system: "both",
    meaning: identify,
    underMonitor: (m) => m.system(ANSWER_IDENTITY),
  },
  ...[0, 2, 3, 4].map(
    (number): Definition => ({
      mnemonic: controlMnemonic("mov-from-cr", number),
      sizes: narrowOnly(4),
      forms: ["rc"],
      system: "bare",
      meaning: readControl(number),
    }),
  ),
];

/** Moves of segment registers. Loads read the processor's own descriptor tables. [SDM2B-4.3] */
const segmentLoads: readonly Definition[] = LOADABLE.flatMap((segment) => [
  {
    mnemonic: segmentMnemonic("mov-to-sreg", segment),
    sizes: narrowOnly(2, 4),
    forms: ["sr", "sm"],
    operandBytes: () => 2,
    system: "bare",
    meaning: moveTo(segment),
  },
  {
    mnemonic: segmentMnemonic("pop-sreg", segment),
    sizes: narrowOnly(2, 4),
    forms: ["s"],
    operandBytes: () => 2,
    system: "bare",
    meaning: popInto(segment),
  },
]);

const nullLoads: readonly Definition[] = LOADABLE.filter((segment) => segment !== SEGMENT.ss).map(
  (segment) => ({
    mnemonic: segmentMnemonic("mov-to-sreg", segment),
    sizes: (wide) => (wide ? [2, 4, 8] : []),
    forms: ["sr", "sm"],
    operandBytes: () => 2,
    system: "both",
    meaning: moveNullTo(segment),
  }),
);

const segmentStores: readonly Definition[] = ALL.flatMap((segment) => [
  {
    mnemonic: segmentMnemonic("mov-from-sreg", segment),
    sizes: WORD_SIZES,
    forms: ["rs"],
    operandBytes: (sizeBytes: number, position: number) => (position === 0 ? sizeBytes : 2),
    meaning: moveFrom(segment),
  },
  {
    mnemonic: segmentMnemonic("mov-from-sreg", segment),
    sizes: WORD_SIZES,
    forms: ["ms"],
    operandBytes: () => 2,
    meaning: moveFrom(segment),
  },
  {
    mnemonic: segmentMnemonic("push-sreg", segment),
    sizes: narrowOnly(...STACK_SIZES(false)),
    forms: ["s"],
    operandBytes: () => 2,
    meaning: pushFrom(segment),
  },
]);

/** FXSAVE and FXRSTOR of 64-bit code: kernels save and restore the whole state at every task switch. [SDM2A-3.3] */
const states = (
  [
    ["fxsave", SAVE_LEGACY_AREA],
    ["fxrstor", RESTORE_LEGACY_AREA],
  ] as const
).map(
  ([mnemonic, support]): Definition => ({
    mnemonic,
    sizes: (wide) => (wide ? [4, 8] : []),
    forms: ["m"],
    operandBytes: () => 0,
    system: "both",
    meaning: (m) => m.system(support, m.pin(m.address()), i32(m.sizeBytes === 8 ? 1 : 0)),
  }),
);

/** System instructions that generated code does in their usual case. */
export const system: readonly Definition[] = [
  ...transfers,
  ...outside,
  ...segmentLoads,
  ...nullLoads,
  ...segmentStores,
  ...states,
];
