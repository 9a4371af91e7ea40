import type { TraceSink } from "@xenolith/trace";
import type { X86Vcpu } from "@xenolith/x86-architecture";
import { ENOSYS } from "@xenolith/xen-abi";
import { HYPERCALL_COST_NS } from "../delivery/exit-cost.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { Vcpu } from "../vcpu.ts";
import { CallState, type InterruptionCheck } from "./call-state.ts";
import { REGISTERS_SET, RESTARTED } from "./context.ts";
import { callNumber, RegisterArguments, repeatCall, writeResult } from "./registers.ts";
import type { HypercallTable } from "./table.ts";

/** Carries out the hypercall that a VCPU has just made. */
export type DispatchHypercall = (vcpu: Vcpu, x86: X86Vcpu) => void;

/** Makes the dispatch over a table. A number without a handler is -ENOSYS. */
export const createDispatch = (
  table: HypercallTable,
  isInterrupted: InterruptionCheck,
  trace: TraceSink,
): DispatchHypercall => {
  const traceHypercall = trace.define(HYPERVISOR_TRACE.hypercall);
  return (vcpu, { context }) => {
    vcpu.chargedNs += HYPERCALL_COST_NS;
    const { width } = vcpu.domain;
    const number = callNumber(context);
    const call = new CallState(vcpu, new RegisterArguments(context, width), isInterrupted);
    const result = table.find(number)?.handle(call) ?? -ENOSYS;
    if (trace.on)
      trace.record(
        traceHypercall,
        vcpu.domain.id,
        vcpu.index,
        number,
        typeof result === "number" ? result : 0,
      );
    if (result === REGISTERS_SET) return;
    if (result === RESTARTED) repeatCall(context, width, call.restartArguments ?? []);
    else writeResult(context, width, result);
  };
};
