import type { LinearAddress } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import { hasErrorCode, VECTOR } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import type { CrashDomain } from "../domain.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { EntryPoint, TrapGate } from "../trap-table.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import type { EntryDetails, GuestEntry } from "./guest-entry.ts";

/** What of the interrupted state is not in the VCPU's registers. */
export type Interrupted = Pick<EntryDetails, "interrupted" | "wideInstructionPointer">;

/**
 * Makes a guest kernel continue in one of its handlers. What cannot be delivered (no handler, an unusable stack or
 * selector, a frame that cannot be written) ends the domain, with the registers as they were before. [SOSP03 3.3.1]
 */
export interface Delivery {
  /** An exception of the processor. The error code is dropped for vectors that have none. */
  exception(vcpu: Vcpu, vector: number, errorCode: number, interrupted?: Interrupted): void;
  /** A page fault: `address` is left in vcpu_info where the guest's handler looks for it. */
  pageFault(vcpu: Vcpu, address: LinearAddress, errorCode: number): void;
  /** A software interrupt through a gate that the caller has checked. `hardwareFrame`: as its direct gate would do it. */
  softwareInterrupt(vcpu: Vcpu, vector: number, hardwareFrame: boolean): void;
  /** SYSCALL from user mode of a 64-bit guest; RCX and R11 are as it leaves them. Without a callback it is #UD. */
  syscall(vcpu: Vcpu): void;
  /** SYSENTER; the instruction and the stack pointer are lost, as it saves neither. Without a callback it is #GP(0). */
  sysenter(vcpu: Vcpu): void;
  /** Calls the guest when events are pending and not masked. @returns whether it did, which takes {@link FAULT_COST_NS} */
  pendingEvents(vcpu: Vcpu): boolean;
  /** Delivers an NMI that waits, where the guest has a handler and is not in it already. */
  pendingNmi(vcpu: Vcpu): void;
  /** A data segment could not be loaded again. */
  failsafe(vcpu: Vcpu): void;
}

/** What delivery is made from. */
export interface DeliveryParts {
  readonly upcalls: UpcallState;
  readonly crash: CrashDomain;
  readonly trace: TraceSink;
  /** How kernels are entered, by width. */
  readonly entries: Readonly<Record<GuestWidth, GuestEntry>>;
}

/** Bytes of SYSCALL: how far back the instruction lies when it is refused. */
const SYSCALL_BYTES = 2;

/** Makes the delivery of a host. */
export const createDelivery = ({ upcalls, crash, trace, entries }: DeliveryParts): Delivery => {
  const traceFault = trace.define(HYPERVISOR_TRACE.fault);
  const traceUpcall = trace.define(HYPERVISOR_TRACE.upcall);

  /** Enters the guest, or ends the domain. Address 0 means that there is no handler. */
  const enter = <Entry extends EntryPoint>(
    vcpu: Vcpu,
    what: () => string,
    entry: Entry | null,
    details: (entry: Entry) => EntryDetails,
  ): void => {
    const problem = entry?.address
      ? entries[vcpu.domain.width].enter(vcpu, entry, details(entry))
      : "there is no handler";
    if (problem !== null) crash(vcpu.domain, `${what()} cannot be delivered: ${problem}`, vcpu);
  };

  const throughTrap = (
    vcpu: Vcpu,
    vector: number,
    what: () => string,
    details: (gate: TrapGate) => EntryDetails,
  ): void => {
    if (trace.on) trace.record(traceFault, vcpu.domain.id, vcpu.index, vector, vcpu.cr2);
    enter(vcpu, what, vcpu.traps.get(vector), details);
  };

  const exception: Delivery["exception"] = (vcpu, vector, errorCode, interrupted = {}) =>
    throughTrap(
      vcpu,
      vector,
      () => describeException(vector, errorCode),
      (gate) => ({
        errorCode: hasErrorCode(vector) ? errorCode : null,
        masksEvents: gate.masksEvents,
        ...interrupted,
      }),
    );

  /** SYSCALL and SYSENTER of user mode. Without a callback they are the fault that the processor would raise. */
  const systemCall = (
    vcpu: Vcpu,
    callback: EntryPoint | null,
    clearsDirection: boolean,
    refuse: () => void,
  ): void => {
    if (!callback?.address) {
      refuse();
      return;
    }
    const { masksEvents } = callback;
    enter(
      vcpu,
      () => "a system call",
      callback,
      () => ({ errorCode: null, masksEvents, clearsDirection }),
    );
  };

  return {
    exception,
    pageFault(vcpu, address, errorCode) {
      vcpu.cr2 = address;
      upcalls.setFaultAddress(vcpu, address);
      exception(vcpu, VECTOR.pageFault, errorCode);
    },
    softwareInterrupt: (vcpu, vector, hardwareFrame) =>
      throughTrap(
        vcpu,
        vector,
        () => `int ${vector}`,
        (gate) => ({
          errorCode: null,
          masksEvents: gate.masksEvents,
          hardwareFrame,
        }),
      ),
    syscall: (vcpu) =>
      systemCall(vcpu, vcpu.callbacks.syscall, true, () => {
        if (vcpu.x86 !== null) vcpu.x86.context.instructionPointer -= SYSCALL_BYTES;
        exception(vcpu, VECTOR.invalidOpcode, 0);
      }),
    sysenter: (vcpu) =>
      systemCall(vcpu, vcpu.callbacks.sysenter, false, () => exception(vcpu, VECTOR.generalProtection, 0)),
    pendingEvents(vcpu) {
      if (!upcalls.isDeliverable(vcpu)) return false;
      if (trace.on) trace.record(traceUpcall, vcpu.domain.id, vcpu.index);
      enter(
        vcpu,
        () => "an event",
        vcpu.callbacks.event,
        () => ({ errorCode: null, masksEvents: true }),
      );
      return true;
    },
    pendingNmi(vcpu) {
      if (!vcpu.nmiPending || vcpu.nmiMasked) return;
      const gate = vcpu.traps.get(VECTOR.nmi);
      if (!gate?.address) return;
      vcpu.nmiPending = false;
      vcpu.nmiMasked = true;
      enter(
        vcpu,
        () => "an NMI",
        gate,
        () => ({ errorCode: null, masksEvents: true }),
      );
    },
    failsafe: (vcpu) =>
      enter(
        vcpu,
        () => "a segment that cannot be loaded",
        vcpu.callbacks.failsafe,
        ({ masksEvents }) => ({
          errorCode: null,
          masksEvents,
          savesDataSegments: true,
        }),
      ),
  };
};

const EXCEPTION_NAMES: readonly string[] = [
  "divide error",
  "debug exception",
  "NMI",
  "breakpoint",
  "overflow",
  "bound range exceeded",
  "invalid opcode",
  "device not available",
  "double fault",
  "coprocessor segment overrun",
  "invalid TSS",
  "segment not present",
  "stack fault",
  "general protection fault",
  "page fault",
  "exception 15",
  "x87 error",
  "alignment check",
  "machine check",
  "SIMD error",
];

const describeException = (vector: number, errorCode: number): string => {
  const name = EXCEPTION_NAMES[vector] ?? `exception ${vector}`;
  return hasErrorCode(vector) ? `${name} (error code ${errorCode.toString(16)})` : name;
};
