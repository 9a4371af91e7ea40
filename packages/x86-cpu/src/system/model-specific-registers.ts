import { CR0, EFER, REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { MSR_SLOT, type MsrSlot, STATE } from "../state/layout.ts";
import { isCanonicalValue } from "./canonical.ts";
import { generalProtection } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";
import { segmentBaseValue, setSegmentBaseValue } from "./segment-base.ts";
import { featuresOf } from "./system-features.ts";

/** Numbers of the registers this processor keeps itself. [SDM3A-2.1] [SDM3A-5.8.8] */
export const MSR = {
  platformId: 0x17,
  timestamp: 0x10,
  apicBase: 0x1b,
  microcode: 0x8b,
  sysenterCs: 0x174,
  sysenterEsp: 0x175,
  sysenterEip: 0x176,
  miscEnable: 0x1a0,
  pat: 0x277,
  efer: 0xc000_0080,
  star: 0xc000_0081,
  lstar: 0xc000_0082,
  cstar: 0xc000_0083,
  fmask: 0xc000_0084,
  fsBase: 0xc000_0100,
  gsBase: 0xc000_0101,
  kernelGsBase: 0xc000_0102,
  tscAux: 0xc000_0103,
} as const;

const MASK_32 = 0xffff_ffffn;

const areAddressesWide = (core: ProcessorCore): boolean => featuresOf(core.environment).hasLongMode;

/** Whether each byte is a memory type: UC WC WT WP WB UC-. [SDM3A-12.12.2] */
const isPageAttributeTable = (value: bigint): boolean => {
  for (let shift = 0n; shift < 64n; shift += 8n) {
    const type = (value >> shift) & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
};

/** A register that is a slot of the state block. */
interface SlotRegister {
  readonly slot: MsrSlot;
  readonly isLegal: (core: ProcessorCore, value: bigint) => boolean;
  /** Only on processors with 64-bit mode. */
  readonly isLongOnly?: boolean;
}

const hasOnly =
  (bits: bigint) =>
  (_core: ProcessorCore, value: bigint): boolean =>
    (value & ~bits) === 0n;

const isAddress = (core: ProcessorCore, value: bigint): boolean =>
  areAddressesWide(core) ? isCanonicalValue(value) : value <= MASK_32;

const isApicBase = (core: ProcessorCore, value: bigint): boolean =>
  value >> BigInt(featuresOf(core.environment).physicalAddressBits) === 0n && (value & 0x6ffn) === 0n;

const SLOTS: ReadonlyMap<number, SlotRegister> = new Map<number, SlotRegister>([
  [MSR.apicBase, { slot: MSR_SLOT.apicBase, isLegal: isApicBase }],
  [MSR.sysenterCs, { slot: MSR_SLOT.sysenterCs, isLegal: hasOnly(MASK_32) }],
  [MSR.sysenterEsp, { slot: MSR_SLOT.sysenterEsp, isLegal: isAddress }],
  [MSR.sysenterEip, { slot: MSR_SLOT.sysenterEip, isLegal: isAddress }],
  [MSR.miscEnable, { slot: MSR_SLOT.miscEnable, isLegal: () => true }],
  [MSR.pat, { slot: MSR_SLOT.pat, isLegal: (_core, value) => isPageAttributeTable(value) }],
  [MSR.star, { slot: MSR_SLOT.star, isLegal: () => true, isLongOnly: true }],
  [MSR.lstar, { slot: MSR_SLOT.lstar, isLegal: isAddress, isLongOnly: true }],
  [MSR.cstar, { slot: MSR_SLOT.cstar, isLegal: isAddress, isLongOnly: true }],
  [MSR.fmask, { slot: MSR_SLOT.fmask, isLegal: hasOnly(MASK_32), isLongOnly: true }],
  [MSR.kernelGsBase, { slot: MSR_SLOT.kernelGsBase, isLegal: isAddress, isLongOnly: true }],
]);

/** Registers that always read as 0 and ignore what is written: the microcode's revision and the platform. */
const ZEROS: ReadonlySet<number> = new Set([MSR.microcode, MSR.platformId]);

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** Time-stamp counter as software sees it: the machine's, plus what WRMSR has shifted it by. */
const timestampCounter = (core: ProcessorCore): bigint =>
  (BigInt(core.environment.timestamp(core.retired)) + core.state.msr(MSR_SLOT.tscOffset)) & MASK_64;

const TWO_32 = 0x1_0000_0000;

/** Reads the time-stamp counter into EDX:EAX: without a bigint where nobody has shifted it, as guests read it all the time. */
export const readTimestampCounter = (core: ProcessorCore): void => {
  const { state } = core;
  const offset = STATE.msr + 8 * MSR_SLOT.tscOffset;
  if ((state.u32(offset) | state.u32(offset + 4)) !== 0) {
    setWideResult(core, timestampCounter(core));
    return;
  }
  const now = core.environment.timestamp(core.retired);
  state.setRegister(REGISTER.rax, now % TWO_32);
  state.setRegister(REGISTER.rdx, Math.floor(now / TWO_32));
};

/** Sets EDX:EAX. */
const setWideResult = (core: ProcessorCore, value: bigint): void => {
  core.state.setRegister(REGISTER.rax, Number(value & 0xffff_ffffn));
  core.state.setRegister(REGISTER.rdx, Number((value >> 32n) & 0xffff_ffffn));
};

const slotOf = (core: ProcessorCore, index: number): SlotRegister | undefined => {
  const known = SLOTS.get(index);
  return known?.isLongOnly === true && !areAddressesWide(core) ? undefined : known;
};

/** FS or GS, whose base a register is; -1: neither. */
const baseOf = (core: ProcessorCore, index: number): SegmentIndex => {
  if (!areAddressesWide(core)) return -1;
  return index === MSR.fsBase ? SEGMENT.fs : index === MSR.gsBase ? SEGMENT.gs : -1;
};

/** Reads a register as RDMSR does. Null: there is none. */
export const readMsr = (core: ProcessorCore, index: number): bigint | null => {
  const { state, environment } = core;
  if (index === MSR.timestamp) return timestampCounter(core);
  if (index === MSR.efer) return featuresOf(environment).efer === 0 ? null : state.msr(MSR_SLOT.efer);
  if (index === MSR.tscAux && featuresOf(environment).hasTimestampAux) return state.msr(MSR_SLOT.tscAux);
  const segment = baseOf(core, index);
  if (segment >= 0) return segmentBaseValue(state, segment);
  const known = slotOf(core, index);
  if (known !== undefined) return state.msr(known.slot);
  return ZEROS.has(index) ? 0n : environment.readMsr(index);
};

const readRegister = (core: ProcessorCore): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const value = readMsr(core, core.state.register(REGISTER.rcx));
  if (value === null) return generalProtection(0);
  setWideResult(core, value);
  return OUTCOME.next;
};

/** EFER: LME may change only without paging; LMA cannot be written and is kept. Returns whether the value is legal. */
const writeEfer = (core: ProcessorCore, value: bigint): boolean => {
  const { state } = core;
  const { efer } = featuresOf(core.environment);
  if (efer === 0 || (value & ~BigInt(efer)) !== 0n) return false;
  const before = Number(state.msr(MSR_SLOT.efer));
  const next = (Number(value) & ~EFER.lma) | (before & EFER.lma);
  if (((next ^ before) & EFER.lme) !== 0 && (state.control(0) & CR0.pg) !== 0) return false;
  state.setMsr(MSR_SLOT.efer, BigInt(next));
  return true;
};

/** Writes a register as WRMSR does. Returns whether that is legal. */
export const writeMsr = (core: ProcessorCore, index: number, value: bigint): boolean => {
  const { state, environment } = core;
  if (index === MSR.timestamp) {
    state.setMsr(MSR_SLOT.tscOffset, (value - BigInt(environment.timestamp(core.retired))) & MASK_64);
    return true;
  }
  if (index === MSR.efer) return writeEfer(core, value);
  if (index === MSR.tscAux && featuresOf(environment).hasTimestampAux) {
    if (value <= MASK_32) state.setMsr(MSR_SLOT.tscAux, value);
    return value <= MASK_32;
  }
  const segment = baseOf(core, index);
  if (segment >= 0) {
    if (isCanonicalValue(value)) setSegmentBaseValue(state, segment, value);
    return isCanonicalValue(value);
  }
  const known = slotOf(core, index);
  if (known === undefined) return ZEROS.has(index) || environment.writeMsr(index, value);
  if (!known.isLegal(core, value)) return false;
  state.setMsr(known.slot, value);
  return true;
};

const writeRegister = (core: ProcessorCore): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const { state } = core;
  const value = (BigInt(state.register(REGISTER.rdx)) << 32n) | BigInt(state.register(REGISTER.rax));
  return writeMsr(core, state.register(REGISTER.rcx), value) ? OUTCOME.next : generalProtection(0);
};

/** RDMSR and WRMSR. A register nobody knows, and reserved bits, raise #GP(0). [SDM2-4.3] */
export const MODEL_SPECIFIC_REGISTERS: Readonly<Record<string, SystemOperation>> = {
  rdmsr: readRegister,
  wrmsr: writeRegister,
};
