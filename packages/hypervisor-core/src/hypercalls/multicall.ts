import { toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOSYS } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_multicall,
  MULTICALL_ENTRY,
  readMulticallEntry,
  writeMulticallResult,
} from "@xenolith/xen-abi/xen";
import type { Vcpu } from "../vcpu.ts";
import { type ArgumentSource, CallState, type InterruptionCheck } from "./call-state.ts";
import {
  type Hypercall,
  type HypercallContext,
  type HypercallResult,
  REGISTERS_SET,
  RESTARTED,
} from "./context.ts";
import type { HypercallTable } from "./table.ts";

/** Charged for each entry besides what its call charges: it bounds how many are made before others get their turn. */
const ENTRY_COST = toNanoseconds(100);

/** What multicall is made from. The table is asked for late: multicall is in it. */
export interface MulticallParts {
  readonly table: () => HypercallTable;
  readonly isInterrupted: InterruptionCheck;
}

const entryArguments = (entry: DataView, call: HypercallContext): ArgumentSource => {
  const { args } = MULTICALL_ENTRY.layout[call.width];
  const isWide = call.width === "x86_64";
  return {
    word: (index) =>
      isWide
        ? { low: entry.getUint32(args + 8 * index, true), high: entry.getUint32(args + 8 * index + 4, true) }
        : { low: entry.getUint32(args + 4 * index, true), high: 0 },
  };
};

/**
 * multicall(entries, count): calls made one by one, each result stored in its entry. A call that restarts is written back
 * with its new arguments and the multicall restarts from it; iret ends it. A multicall within is -EINVAL. [XEN xen.h]
 */
export const createMulticall = ({ table, isInterrupted }: MulticallParts): Hypercall => {
  const active = new Set<Vcpu>();

  /** Makes the call of one entry. @returns null to go on, else the answer of the multicall. */
  const makeCall = (call: HypercallContext, at: number): HypercallResult | null => {
    const { width, guest, vcpu } = call;
    const entry = guest.read(at, MULTICALL_ENTRY.size(width));
    if (entry === null) return -EFAULT;
    const { op, args } = readMulticallEntry(entry, 0, width);
    const inner = new CallState(vcpu, entryArguments(entry, call), isInterrupted);
    const result = table().find(op)?.handle(inner) ?? -ENOSYS;
    if (result === REGISTERS_SET) return result;
    if (result === RESTARTED) {
      const again = args.map((value, index) => inner.restartArguments?.[index] ?? value);
      MULTICALL_ENTRY.update(entry, 0, width, { args: again });
    } else writeMulticallResult(entry, 0, width, result);
    if (!guest.write(at, entry)) return -EFAULT;
    return result === RESTARTED ? RESTARTED : null;
  };

  const run = (call: HypercallContext): HypercallResult => {
    const first = call.argument(0);
    const count = call.argument32(1);
    const entryBytes = MULTICALL_ENTRY.size(call.width);
    if (!call.guest.isAllowed(first, count, entryBytes)) return -EFAULT;
    for (let index = 0; index < count; index++) {
      const at = first + index * entryBytes;
      if (index > 0 && call.shouldPreempt()) return call.restart([at, count - index]);
      call.charge(ENTRY_COST);
      const answer = makeCall(call, at);
      if (answer === RESTARTED) return call.restart([at, count - index]);
      if (answer !== null) return answer;
    }
    return 0;
  };

  return {
    number: __HYPERVISOR_multicall,
    handle(call) {
      if (active.has(call.vcpu)) return -EINVAL;
      active.add(call.vcpu);
      const result = run(call);
      active.delete(call.vcpu);
      return result;
    },
  };
};
