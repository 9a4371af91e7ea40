import { type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOSYS, type GuestWidth } from "@xenolith/xen-abi";
import { __HYPERVISOR_multicall, MULTICALL_ENTRY, readMulticallEntry } from "@xenolith/xen-abi/xen";
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
export const ENTRY_COST_NS: Nanoseconds = toNanoseconds(100);

/** What multicall is made from. The table is asked for late: multicall is in it. */
export interface MulticallParts {
  readonly table: () => HypercallTable;
  readonly isInterrupted: InterruptionCheck;
}

/** The copy of the entry whose call is made: there is one at a time, as calls do not wait and multicalls are not nested. */
class EntryCopy implements ArgumentSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the result is, from the start of an entry. */
  readonly resultOffset: number;
  readonly #width: GuestWidth;
  readonly #arguments: number;
  readonly #isWide: boolean;

  constructor(width: GuestWidth) {
    const { args, result } = MULTICALL_ENTRY.layout[width];
    this.bytes = new Uint8Array(MULTICALL_ENTRY.size(width));
    this.view = new DataView(this.bytes.buffer);
    this.resultOffset = result;
    this.#width = width;
    this.#arguments = args;
    this.#isWide = width === "x86_64";
  }

  /** Number of the call; of one with a high half, which no call has, something that is no number of a call either. */
  get number(): number {
    const isBeyond = this.#isWide && this.view.getUint32(4, true) !== 0;
    return isBeyond ? -1 : this.view.getUint32(0, true);
  }

  low(index: number): number {
    return this.view.getUint32(this.#arguments + (this.#isWide ? 8 : 4) * index, true);
  }

  high(index: number): number {
    return this.#isWide ? this.view.getUint32(this.#arguments + 8 * index + 4, true) : 0;
  }

  /** Puts other arguments in; those not given stay. */
  setArguments(given: readonly number[]): void {
    const { args } = readMulticallEntry(this.view, 0, this.#width);
    MULTICALL_ENTRY.update(this.view, 0, this.#width, {
      args: args.map((value, index) => given[index] ?? value),
    });
  }
}

/**
 * multicall(entries, count): calls made one by one, each result stored in its entry. A call that restarts is written back
 * with its new arguments and the multicall restarts from it; iret ends it. A multicall within is -EINVAL. [XEN xen.h]
 */
export const createMulticall = ({ table, isInterrupted }: MulticallParts): Hypercall => {
  const narrow = { x86_32: new EntryCopy("x86_32"), x86_32p: new EntryCopy("x86_32p") };
  const wide = new EntryCopy("x86_64");
  let isActive = false;

  const copyFor = (width: GuestWidth): EntryCopy => (width === "x86_64" ? wide : narrow[width]);

  /** Makes the call of one entry. @returns null to go on, else the answer of the multicall. */
  const makeCall = (call: HypercallContext, entry: EntryCopy, at: number): HypercallResult | null => {
    const { guest, vcpu } = call;
    if (!guest.copyFrom(at, entry.bytes)) return -EFAULT;
    const inner = new CallState(vcpu, entry, isInterrupted);
    const result = table().find(entry.number)?.handle(inner) ?? -ENOSYS;
    if (result === REGISTERS_SET) return result;
    if (result === RESTARTED) {
      entry.setArguments(inner.restartArguments ?? []);
      return guest.copyTo(at, entry.bytes) ? RESTARTED : -EFAULT;
    }
    return guest.writeLong(at + entry.resultOffset, result) ? null : -EFAULT;
  };

  const run = (call: HypercallContext): HypercallResult => {
    const first = call.argument(0);
    const count = call.argument32(1);
    const entry = copyFor(call.width);
    const entryBytes = entry.bytes.length;
    if (!call.guest.isAllowed(first, count, entryBytes)) return -EFAULT;
    for (let index = 0; index < count; index++) {
      const at = first + index * entryBytes;
      if (index > 0 && call.shouldPreempt()) return call.restart([at, count - index]);
      call.charge(ENTRY_COST_NS);
      const answer = makeCall(call, entry, at);
      if (answer === RESTARTED) return call.restart([at, count - index]);
      if (answer !== null) return answer;
    }
    return 0;
  };

  return {
    number: __HYPERVISOR_multicall,
    handle(call) {
      if (isActive) return -EINVAL;
      isActive = true;
      const result = run(call);
      isActive = false;
      return result;
    },
  };
};
