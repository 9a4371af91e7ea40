import {
  FLAG,
  faultErrorCode,
  faultVector,
  hasErrorCode,
  type PackedFault,
  packFault,
  VECTOR,
} from "@xenolith/x86-architecture";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";
import { deliverThroughIdt } from "./interrupt-delivery.ts";

type FaultClass = "benign" | "contributory" | "page-fault" | "double-fault";

/** Classes of exceptions that decide what a second one becomes. [SDM3A-6.15] */
const classOf = (vector: number): FaultClass => {
  switch (vector) {
    case VECTOR.doubleFault:
      return "double-fault";
    case VECTOR.pageFault:
      return "page-fault";
    case VECTOR.divideError:
    case VECTOR.invalidTss:
    case VECTOR.segmentNotPresent:
    case VECTOR.stackFault:
    case VECTOR.generalProtection:
      return "contributory";
    default:
      return "benign";
  }
};

/** Whether a fault met while delivering another must not be delivered by itself. */
const escalates = (first: FaultClass, second: FaultClass): boolean => {
  if (second !== "contributory" && second !== "page-fault") return false;
  if (first === "contributory") return second === "contributory";
  return first === "page-fault" || first === "double-fault";
};

/**
 * Delivers a fault of the present instruction on a processor without a monitor, with the rules for faults met on the way:
 * double fault, and shutdown when that one cannot be delivered either. [SDM3A-6.15]
 * A page fault's address is taken from the state block and put into CR2.
 * @returns `jumped` or `shutdown`
 */
export const raiseException = (core: ProcessorCore, fault: PackedFault): Outcome => {
  const { state } = core;
  let current = fault;
  for (;;) {
    const vector = faultVector(current);
    if (vector === VECTOR.pageFault) state.setControl(2, state.f64(STATE.faultAddress));
    const outcome = deliverThroughIdt(core, {
      vector,
      errorCode: hasErrorCode(vector) && !state.isRealMode ? faultErrorCode(current) : -1,
      isSoftware: false,
      returnTo: state.instructionPointer,
      // Going on after the handler must not raise an instruction breakpoint again. [SDM3A-17.3.1.1]
      flags: state.flags | (vector === VECTOR.debug ? 0 : FLAG.rf),
    });
    if (outcome === OUTCOME.jumped) return outcome;
    if (escalates(classOf(vector), classOf(faultVector(outcome)))) {
      if (vector === VECTOR.doubleFault) return OUTCOME.shutdown;
      current = packFault(VECTOR.doubleFault, 0);
    } else current = outcome;
  }
};

/**
 * Delivers an interrupt from outside, between two instructions, on a processor without a monitor.
 * @returns `jumped` or `shutdown`
 */
export const raiseInterrupt = (core: ProcessorCore, vector: number): Outcome => {
  const { state } = core;
  const outcome = deliverThroughIdt(core, {
    vector,
    errorCode: -1,
    isSoftware: false,
    returnTo: state.instructionPointer,
    flags: state.flags,
  });
  return outcome === OUTCOME.jumped ? outcome : raiseException(core, outcome);
};
