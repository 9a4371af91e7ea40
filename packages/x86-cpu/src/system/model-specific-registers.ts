import { EFER, REGISTER } from "@xenolith/x86-architecture";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { MSR_SLOT, type MsrSlot } from "../state/layout.ts";
import { generalProtection } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** Numbers of the registers this processor keeps itself. [SDM3A-2.1] */
export const MSR = {
  timestamp: 0x10,
  apicBase: 0x1b,
  sysenterCs: 0x174,
  sysenterEsp: 0x175,
  sysenterEip: 0x176,
  miscEnable: 0x1a0,
  pat: 0x277,
  efer: 0xc000_0080,
} as const;

/** Registers that are a plain slot of the state block, with the bits that may be set. */
const SLOTS: ReadonlyMap<number, { readonly slot: MsrSlot; readonly bits: bigint }> = new Map([
  [MSR.apicBase, { slot: MSR_SLOT.apicBase, bits: 0xf_ffff_f900n }],
  [MSR.sysenterCs, { slot: MSR_SLOT.sysenterCs, bits: 0xffff_ffffn }],
  [MSR.sysenterEsp, { slot: MSR_SLOT.sysenterEsp, bits: 0xffff_ffffn }],
  [MSR.sysenterEip, { slot: MSR_SLOT.sysenterEip, bits: 0xffff_ffffn }],
  [MSR.miscEnable, { slot: MSR_SLOT.miscEnable, bits: 0xffff_ffff_ffff_ffffn }],
  [MSR.pat, { slot: MSR_SLOT.pat, bits: 0x0707_0707_0707_0707n }],
  [MSR.efer, { slot: MSR_SLOT.efer, bits: BigInt(EFER.nxe) }],
]);

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** Time-stamp counter as software sees it: the machine's, plus what WRMSR has shifted it by. */
export const timestampCounter = (core: ProcessorCore): bigint =>
  (BigInt(core.environment.timestamp(core.retired)) + core.state.msr(MSR_SLOT.tscOffset)) & MASK_64;

/** Sets EDX:EAX. */
export const setWideResult = (core: ProcessorCore, value: bigint): void => {
  core.state.setRegister(REGISTER.rax, Number(value & 0xffff_ffffn));
  core.state.setRegister(REGISTER.rdx, Number((value >> 32n) & 0xffff_ffffn));
};

const readRegister = (core: ProcessorCore): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const index = core.state.register(REGISTER.rcx);
  const known = SLOTS.get(index);
  let value: bigint | null;
  if (index === MSR.timestamp) value = timestampCounter(core);
  else if (known !== undefined) value = core.state.msr(known.slot);
  else value = core.environment.readMsr(index);
  if (value === null) return generalProtection(0);
  setWideResult(core, value);
  return OUTCOME.next;
};

const writeRegister = (core: ProcessorCore): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const { state, environment } = core;
  const index = state.register(REGISTER.rcx);
  const value = (BigInt(state.register(REGISTER.rdx)) << 32n) | BigInt(state.register(REGISTER.rax));
  if (index === MSR.timestamp) {
    state.setMsr(MSR_SLOT.tscOffset, (value - BigInt(environment.timestamp(core.retired))) & MASK_64);
    return OUTCOME.next;
  }
  const known = SLOTS.get(index);
  if (known === undefined) return environment.writeMsr(index, value) ? OUTCOME.next : generalProtection(0);
  if ((value & ~known.bits) !== 0n) return generalProtection(0);
  state.setMsr(known.slot, value);
  return OUTCOME.next;
};

/** RDMSR and WRMSR. A register nobody knows, and reserved bits, raise #GP(0). [SDM2-4.3] */
export const MODEL_SPECIFIC_REGISTERS: Readonly<Record<string, SystemOperation>> = {
  rdmsr: readRegister,
  wrmsr: writeRegister,
};
