import { toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL } from "@xenolith/xen-abi";
import { readTrapInfo, TI_DPL_MASK, TI_IF, TRAP_INFO, type TrapInfo } from "@xenolith/xen-abi/arch-x86";
import { __HYPERVISOR_set_trap_table } from "@xenolith/xen-abi/xen";
import { refreshDirectGates } from "../delivery/software-interrupts.ts";
import type { TrapGate } from "../trap-table.ts";
import type { Vcpu } from "../vcpu.ts";
import type { Hypercall, HypercallContext, HypercallResult } from "./context.ts";
import { entryAddress, fixCodeSelector, isEntryAddress } from "./guest-selectors.ts";

/** Charged for each entry, so that a table without an end is read piece by piece. */
const ENTRY_COST = toNanoseconds(50);

/** Gates kept for being used again: domains that run the same kernel have the same ones. */
const KEPT_GATES = 1024;
const keptGates = new Map<string, TrapGate>();

/** A gate of the trap table from what the guest gave. Equal gates are mostly one object. */
export const trapGateOf = (vcpu: Vcpu, { flags, cs, address }: Omit<TrapInfo, "vector">): TrapGate => {
  const { width } = vcpu.domain;
  const key = `${width} ${flags} ${cs} ${address}`;
  const known = keptGates.get(key);
  if (known !== undefined) return known;
  const gate: TrapGate = {
    codeSelector: fixCodeSelector(width, cs),
    address: entryAddress(width, address),
    masksEvents: (flags & TI_IF) !== 0,
    privilegeLevel: flags & TI_DPL_MASK,
  };
  if (keptGates.size >= KEPT_GATES) keptGates.clear();
  keptGates.set(key, gate);
  return gate;
};

/** Forgets all gates. */
export const clearTraps = (vcpu: Vcpu): void => {
  vcpu.traps.clear();
  refreshDirectGates(vcpu);
};

const readTable = (call: HypercallContext): HypercallResult => {
  const { vcpu, width, guest } = call;
  const entryBytes = TRAP_INFO.size(width);
  for (let at = call.argument(0); ; at += entryBytes) {
    const view = guest.read(at, entryBytes);
    if (view === null) return -EFAULT;
    const entry = readTrapInfo(view, 0, width);
    if (entry.address === 0) return 0;
    if (!isEntryAddress(width, entry.address)) return -EINVAL;
    vcpu.traps.set(entry.vector, trapGateOf(vcpu, entry));
    call.charge(ENTRY_COST);
    if (call.shouldPreempt()) return call.restart([at + entryBytes]);
  }
};

/**
 * set_trap_table(traps): enters handlers up to an entry with address 0; a null pointer removes all. Code selectors are
 * raised to the kernel's ring. [XEN arch-x86/xen.h]
 */
export const createSetTrapTable = (): Hypercall => ({
  number: __HYPERVISOR_set_trap_table,
  handle(call) {
    if (call.argument(0) === 0) {
      clearTraps(call.vcpu);
      return 0;
    }
    const result = readTable(call);
    refreshDirectGates(call.vcpu);
    return result;
  },
});
