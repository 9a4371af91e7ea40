import { frameAddress, toLinearAddress, toMachineAddress } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import {
  GATE_CHANGE,
  isCanonical,
  type TransitionGates,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { DOMID_SELF } from "@xenolith/xen-abi";
import {
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  HYPERVISOR_RANGE,
  XEN_EMULATE_PREFIX,
} from "@xenolith/xen-abi/arch-x86";
import { XENVER_version } from "@xenolith/xen-abi/version";
import {
  __HYPERVISOR_fpu_taskswitch,
  __HYPERVISOR_iret,
  __HYPERVISOR_mmu_update,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_multicall,
  __HYPERVISOR_set_segment_base,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_xen_version,
  HYPERCALL_VECTOR,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_TLB_FLUSH_LOCAL,
  VMASST_TYPE_architectural_iopl,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import { type Domain, hasAssist } from "../domain.ts";
import { type CpuidPolicy, identityAnswers } from "../emulation/cpuid-policy.ts";
import { fixStackSelector } from "../hypercalls/guest-selectors.ts";
import { ENTRY_COST_NS } from "../hypercalls/multicall.ts";
import { FLUSH_NS, REQUEST_NS, UPDATE_NS } from "../memory/costs.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { ProcessorSpeed } from "../processor-speed.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import { VERSION_ANSWER } from "../version.ts";
import { EMULATION_COST_NS, FAULT_COST_NS, HYPERCALL_COST_NS } from "./exit-cost.ts";

/**
 * Lets the processor make on its own what needs no policy: XENVER_version, CPUID, exceptions, and in 64-bit guests the system calls
 * of user mode, iret, the calls that set a base or CR0.TS, mmu_update and update_va_mapping where they only count the domain's own pages,
 * stores to tables likewise, flushes, and multicalls of two that pin a table of level 1 or unpin it; in all, the one that sets a stack. All of it is done by the hypervisor where the processor leaves it: with the same result, in the same time.
 */
export interface GuestTransitions {
  /** Before a run: makes the gates what the VCPU is now. */
  open(vcpu: Vcpu, x86: X86Vcpu): void;
  /** After it: the VCPU may be in its other mode. @returns the time that exceptions took in it besides instructions, in instructions */
  close(vcpu: Vcpu, x86: X86Vcpu): number;
}

/** What transitions are made with. */
export interface GuestTransitionParts {
  readonly memory: Pick<MemoryManager, "spaceOf" | "frameRecordsFor">;
  readonly cpuidPolicy: CpuidPolicy;
  readonly upcalls: UpcallState;
  readonly trace: TraceSink;
  readonly speed: Pick<ProcessorSpeed, "instructionsFor" | "instructionNs">;
}

/**
 * Exceptions that are the guest's whatever they are about. Not among them: what comes from debugging, and INT3 and #UD, which the
 * gates of 64-bit code alone tell from what the hypervisor means to see.
 */
const BOUNCED: readonly number[] = [
  VECTOR.divideError,
  VECTOR.boundRange,
  VECTOR.deviceNotAvailable,
  VECTOR.invalidTss,
  VECTOR.segmentNotPresent,
  VECTOR.stackFault,
  VECTOR.pageFault,
  VECTOR.x87Error,
  VECTOR.alignmentCheck,
  VECTOR.simdError,
];

/** Of 64-bit guests, who have no call gates that would be emulated. The prefix of forced emulation is looked for in #UD. */
const BOUNCED_64: readonly number[] = [
  ...BOUNCED,
  VECTOR.breakpoint,
  VECTOR.invalidOpcode,
  VECTOR.generalProtection,
];

/** What forced emulation begins with. */
const [first = 0, second = 0, third = 0, fourth = 0] = XEN_EMULATE_PREFIX;
const EMULATED = (first | (second << 8) | (third << 16) | (fourth << 24)) >>> 0;

/** What calls and emulations take. */
const COST_NS = {
  /** A hypercall, besides the instruction and what follows. */
  call: HYPERCALL_COST_NS,
  /** Emulating an instruction, besides the instruction. */
  emulation: EMULATION_COST_NS,
  /** mmu_update and mmuext_op of one request, besides the instruction: storing in a table, storing elsewhere, flushing. */
  update: UPDATE_NS,
  request: REQUEST_NS,
  flush: REQUEST_NS + FLUSH_NS,
  /** Each call of a multicall. */
  entry: ENTRY_COST_NS,
} as const;

/** What all of {@link COST_NS} takes a run of its budget. */
type Costs = Readonly<Record<keyof typeof COST_NS, number>>;

/** Commands of mmuext_op for which nothing is to be done, as bits: see `AddressSpaces`. */
const FLUSH_COMMANDS = [
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_INVLPG_ALL,
].reduce((bits, command) => bits | (1 << command), 0);

/** In place of a root of tables. */
const NO_TABLE = toMachineAddress(0);

/** What does not change in the gates of a VCPU. */
const prepare = ({ gates }: X86Vcpu, { width, id }: Domain, costs: Costs | null): void => {
  const { virtStart, virtEnd } = HYPERVISOR_RANGE[width];
  gates.answeredCall = __HYPERVISOR_xen_version;
  gates.answeredArgument = XENVER_version;
  gates.answer = VERSION_ANSWER;
  gates.callVector = HYPERCALL_VECTOR;
  gates.returnCall = __HYPERVISOR_iret;
  gates.stackCall = __HYPERVISOR_stack_switch;
  gates.baseCall = __HYPERVISOR_set_segment_base;
  gates.taskCall = __HYPERVISOR_fpu_taskswitch;
  gates.codeSelector = FLAT_RING3_CS64;
  gates.stackSelector = FLAT_RING3_SS64;
  gates.compatibleSelector = FLAT_RING3_CS32;
  gates.reservedFirst = toLinearAddress(virtStart);
  gates.reservedBytes = virtEnd - virtStart;
  gates.emulated = EMULATED;
  gates.frameOwner = id;
  gates.updateSubject = DOMID_SELF;
  gates.updateCall = __HYPERVISOR_mmu_update;
  gates.flushCall = __HYPERVISOR_mmuext_op;
  gates.mapCall = __HYPERVISOR_update_va_mapping;
  gates.listCall = __HYPERVISOR_multicall;
  if (costs === null) return;
  gates.callCost = costs.call;
  gates.emulationCost = costs.emulation;
  gates.updateCost = costs.update;
  gates.requestCost = costs.request;
  gates.flushCost = costs.flush;
  gates.listCost = costs.entry;
  gates.flushCommands = FLUSH_COMMANDS;
};

/** Null where one of the costs is no whole number of instructions. */
const costsOf = (speed: Pick<ProcessorSpeed, "instructionsFor">): Costs | null => {
  const costs = { call: 0, emulation: 0, update: 0, request: 0, flush: 0, entry: 0 };
  for (const name of Object.keys(costs) as (keyof Costs)[]) {
    const cost = speed.instructionsFor(COST_NS[name]);
    if (cost === null) return null;
    costs[name] = cost;
  }
  return costs;
};

/** Makes the transitions of a host's guests. */
export const createGuestTransitions = ({
  cpuidPolicy,
  memory,
  upcalls,
  trace,
  speed,
}: GuestTransitionParts): GuestTransitions => {
  /** Instructions that handing an exception to a kernel takes, with the one that it stands for; null: they are not taken. */
  const faultCost = speed.instructionsFor(FAULT_COST_NS + speed.instructionNs);

  const costs = costsOf(speed);

  const placeHandlers = ({ traps, domain }: Vcpu, gates: TransitionGates): void => {
    if (faultCost === null) return;
    gates.faultCost = faultCost;
    for (const vector of domain.width === "x86_64" ? BOUNCED_64 : BOUNCED) {
      const gate = traps.get(vector);
      gates.setHandler(vector, gate?.address ? gate : null);
    }
  };

  const openSides = (vcpu: Vcpu, { gates }: X86Vcpu): void => {
    const { callbacks, kernelStack } = vcpu;
    const { syscall } = callbacks;
    gates.isKernelSide = vcpu.kernelMode;
    gates.otherBase = vcpu.otherGsBase;
    gates.frameRecords = costs === null ? 0 : memory.frameRecordsFor(vcpu);
    const writesTables = faultCost !== null && hasAssist(vcpu.domain, VMASST_TYPE_writable_pagetables);
    const root = writesTables ? vcpu.pageTableBase : null;
    gates.tableRoot = root === null ? NO_TABLE : frameAddress(root);
    gates.entry = toLinearAddress(isCanonical(kernelStack.pointer) ? (syscall?.address ?? 0) : 0);
    gates.entryMasksEvents = syscall?.masksEvents ?? false;
    gates.kernelSpace = memory.spaceOf(vcpu, "kernel") ?? 0;
    gates.userSpace = memory.spaceOf(vcpu, "user") ?? 0;
  };

  return {
    open(vcpu, x86) {
      const { gates } = x86;
      if (gates.callVector !== HYPERCALL_VECTOR) {
        prepare(x86, vcpu.domain, costs);
        const asker = { width: vcpu.domain.width, vcpu: vcpu.index };
        gates.setIdentities(costs === null ? null : (leaf) => identityAnswers(cpuidPolicy, asker, leaf));
      }
      gates.eventPending = upcalls.pendingAddress(vcpu);
      gates.eventMask = upcalls.maskAddress(vcpu);
      gates.kernelStack = toLinearAddress(vcpu.kernelStack.pointer);
      gates.kernelStackSelector = vcpu.kernelStack.selector;
      // Traces show all hypercalls; an NMI ends with iret; and the virtual IOPL is shown in frames and taken from them. And a run can be
      // charged for nothing but whole instructions.
      gates.isOpen =
        costs !== null &&
        !trace.on &&
        !vcpu.nmiMasked &&
        !hasAssist(vcpu.domain, VMASST_TYPE_architectural_iopl);
      if (!gates.isOpen) return;
      gates.faultAddress = upcalls.faultPlace(vcpu);
      if (vcpu.traps.takeChanges()) placeHandlers(vcpu, gates);
      // The kernel counts as ring 1 for the virtual IOPL.
      gates.hasAbsentPorts = costs !== null && vcpu.ioPrivilege > 0;
      if (vcpu.domain.width === "x86_64") openSides(vcpu, x86);
    },
    close(vcpu, x86) {
      const { gates } = x86;
      const { changes } = gates;
      if (changes & GATE_CHANGE.side) {
        vcpu.kernelMode = gates.isKernelSide;
        vcpu.otherGsBase = gates.otherBase;
        vcpu.space = x86.space;
      }
      if (changes & GATE_CHANGE.otherBase) vcpu.otherGsBase = gates.otherBase;
      if (changes & GATE_CHANGE.kernelStack)
        vcpu.kernelStack = {
          selector: fixStackSelector(vcpu.domain.width, gates.kernelStackSelector),
          pointer: gates.kernelStack,
        };
      if (changes & GATE_CHANGE.taskSwitched) vcpu.cr0 = x86.context.control(0) >>> 0;
      if (changes & GATE_CHANGE.faultAddress) vcpu.cr2 = toLinearAddress(x86.context.control(2));
      return gates.charged;
    },
  };
};
