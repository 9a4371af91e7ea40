import { CR4, REGISTER } from "@xenolith/x86-architecture";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { FEATURE_C } from "../model/cpuid-bits.ts";
import { MSR_SLOT } from "../state/layout.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";
import { readTimestampCounter } from "./model-specific-registers.ts";
import { featuresOf } from "./system-features.ts";

/** RDTSC: outside ring 0 only while CR4.TSD is clear. A monitor may ask for it as well. [SDM2-4.3] */
const readTimestamp = (core: ProcessorCore): Outcome => {
  const { state, environment } = core;
  const isDisabled = state.privilege > 0 && (state.control(4) & CR4.tsd) !== 0;
  if (environment.isMonitored) {
    if (environment.trapTimestamp || isDisabled) return OUTCOME.privileged;
  } else if (isDisabled) return generalProtection(0);
  readTimestampCounter(core);
  return OUTCOME.next;
};

/** RDTSCP: RDTSC, and TSC_AUX in ECX. [SDM2-4.3] */
const readTimestampAndProcessor = (core: ProcessorCore): Outcome => {
  if (!featuresOf(core.environment).hasTimestampAux) return invalidOpcode();
  const outcome = readTimestamp(core);
  if (outcome === OUTCOME.next) {
    core.state.setRegister(REGISTER.rcx, Number(core.state.msr(MSR_SLOT.tscAux) & 0xffff_ffffn));
  }
  return outcome;
};

/** Leaf 1: bit 27 of ECX follows CR4.OSXSAVE. */
const FEATURE_LEAF = 1;

/** CPUID, out of the processor's model. [SDM2-3.2] */
const identify = (core: ProcessorCore): Outcome => {
  const { state, environment } = core;
  if (environment.isMonitored && environment.trapCpuid) return OUTCOME.privileged;
  const leaf = state.register(REGISTER.rax);
  const [eax, ebx, ecx, edx] = environment.cpuid(leaf, state.register(REGISTER.rcx));
  const isEnabled = leaf === FEATURE_LEAF && (state.control(4) & CR4.osxsave) !== 0;
  state.setRegister(REGISTER.rax, eax);
  state.setRegister(REGISTER.rbx, ebx);
  state.setRegister(REGISTER.rcx, isEnabled ? ecx | FEATURE_C.osxsave : ecx);
  state.setRegister(REGISTER.rdx, edx);
  return OUTCOME.next;
};

/** There are no performance counters: a monitor may emulate some. */
const readPerformanceCounter = (core: ProcessorCore): Outcome =>
  core.environment.isMonitored ? OUTCOME.privileged : generalProtection(0);

/** RDTSC, RDTSCP, RDPMC, CPUID. */
export const IDENTIFICATION: Readonly<Record<string, SystemOperation>> = {
  rdtsc: readTimestamp,
  rdtscp: readTimestampAndProcessor,
  rdpmc: readPerformanceCounter,
  cpuid: identify,
};
