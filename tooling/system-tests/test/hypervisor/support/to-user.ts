import { FLAT_RING1_SS, FLAT_RING3_CS, FLAT_RING3_DS, FLAT_RING3_SS } from "@xenolith/xen-abi/arch-x86";
import { __HYPERVISOR_iret, __HYPERVISOR_stack_switch } from "@xenolith/xen-abi/xen";
import { hypercall, movImmediate, pushImmediate } from "./assemble.ts";

/** Where a kernel in ring 1 goes when it enters ring 3. */
export interface UserEntry {
  readonly instructionPointer: number;
  readonly stackPointer: number;
  readonly flags: number;
  /** Stack of the kernel when ring 3 is left. */
  readonly kernelStack: number;
}

/** Goes from ring 1 to ring 3. */
export const toUser = (entry: UserEntry): readonly number[] => [
  ...hypercall(__HYPERVISOR_stack_switch, FLAT_RING1_SS, entry.kernelStack),
  ...[...movImmediate("eax", FLAT_RING3_DS), 0x8e, 0xd8],
  ...[FLAT_RING3_SS, entry.stackPointer, entry.flags, FLAT_RING3_CS, entry.instructionPointer, 0].flatMap(
    pushImmediate,
  ),
  ...hypercall(__HYPERVISOR_iret),
];
