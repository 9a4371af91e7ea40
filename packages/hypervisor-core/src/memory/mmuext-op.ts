import { FRAME_TYPE, type TableLevel } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import {
  DOMID_FIRST_RESERVED,
  type DomId,
  EACCES,
  EFAULT,
  EINVAL,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  toDomId,
} from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmuext_op,
  MMUEXT_CLEAR_PAGE,
  MMUEXT_COPY_PAGE,
  MMUEXT_FLUSH_CACHE,
  MMUEXT_FLUSH_CACHE_GLOBAL,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_INVLPG_MULTI,
  MMUEXT_MARK_SUPER,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L2_TABLE,
  MMUEXT_PIN_L3_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_SET_LDT,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_TLB_FLUSH_MULTI,
  MMUEXT_UNMARK_SUPER,
  MMUEXT_UNPIN_TABLE,
  type MmuExtOp,
  readMmuExtOp,
} from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext } from "../hypercalls/context.ts";
import type { Vcpu } from "../vcpu.ts";
import { createRequestBuffer, type INTERRUPTED, type PerformRequest, readBatch, runBatch } from "./batch.ts";
import { FLUSH_NS, PAGE_NS } from "./costs.ts";
import { pageOwner, permissionError } from "./page-owner.ts";
import type { PageTableBases } from "./page-table-bases.ts";
import type { MemoryParts } from "./parts.ts";
import { readVcpuMask } from "./vcpu-mask.ts";

/** One request with the circumstances of its call. */
interface Request extends MmuExtOp {
  readonly call: HypercallContext;
  /** Whose frames the operation is about. */
  readonly owner: DomId;
  readonly vcpu: Vcpu;
}

/** Carries out one kind of request. @returns 0, a negative errno, or that it has to be made again */
type Operation = (request: Request) => number | typeof INTERRUPTED;

/** Operations on one's own address space: a foreign domain named with them is -EPERM. */
const own =
  (operation: Operation): Operation =>
  (request) =>
    request.owner === request.call.domain.id ? operation(request) : -EPERM;

/** mmuext_op(requests, count, done, foreigndom): pinning, page-table bases, flushes and page operations. [XEN xen.h] */
export const createMmuExtOp = (parts: MemoryParts, bases: PageTableBases): Hypercall => {
  const { frames, memory, descriptors, longWork } = parts;

  const pin =
    (level: TableLevel): Operation =>
    ({ call, command, owner, arg1 }) => {
      // Neither the machine's I/O space nor the monitor is a domain that could have tables.
      if (owner >= DOMID_FIRST_RESERVED) return -EINVAL;
      const root = toMfn(arg1);
      const carryOut = (): number => frames.pin(owner, root, level);
      const validates = { root, level };
      return longWork.run(call, { command, subject: root, owner, validates, givesUp: null, carryOut });
    };

  const unpin: Operation = ({ call, command, owner, arg1 }) => {
    const root = toMfn(arg1);
    const carryOut = (): number => frames.unpin(owner, root);
    const level = frames.levelOf(root);
    // A table that is used besides being pinned remains one.
    const givesUp = level !== 0 && frames.isUsedOnce(root) ? { root, level } : null;
    return longWork.run(call, { command, subject: root, owner, validates: null, givesUp, carryOut });
  };

  /**
   * Loads a base: the kernel's, or the user's on x86_64. What events interrupt after that goes on in the new address space, as
   * it does in Xen.
   */
  const loadBase = (load: (vcpu: Vcpu, root: Mfn) => number, baseOf: (vcpu: Vcpu) => Mfn | null): Operation =>
    own(({ call, vcpu, command, owner, arg1 }) => {
      const root = toMfn(arg1);
      const old = baseOf(vcpu);
      const level = frames.rootLevelOf(owner);
      const isLast = old !== null && old !== root && frames.isUsedOnce(old);
      const carryOut = (): number => load(vcpu, root);
      return longWork.run(call, {
        command,
        subject: root,
        owner,
        validates: { root, level },
        givesUp: isLast ? { root: old, level } : null,
        carryOut,
      });
    });

  /** Takes its time; there is nothing to be flushed: see `AddressSpaces`. */
  const flush = own(({ call }) => {
    call.charge(FLUSH_NS);
    return 0;
  });

  const flushMasked = own((request) => {
    const { call, arg2 } = request;
    return readVcpuMask(call.guest, arg2, call.domain.vcpus) === null ? -EINVAL : flush(request);
  });

  /** Runs a page operation while a frame is held writable. */
  const withWritable = (owner: DomId, frame: Mfn, operation: () => void): number => {
    if (frames.getPageAndType(frame, owner, FRAME_TYPE.writable) !== 0) return -EINVAL;
    operation();
    memory.written(frame, 0, PAGE_SIZE);
    frames.putPageAndType(frame);
    return 0;
  };

  const clearPage: Operation = ({ call, owner, arg1 }) => {
    call.charge(PAGE_NS);
    const frame = toMfn(arg1);
    return withWritable(owner, frame, () => {
      memory.bytes.fill(0, frameAddress(frame), frameAddress(frame) + PAGE_SIZE);
    });
  };

  const copyPage: Operation = ({ call, owner, arg1, arg2 }) => {
    call.charge(PAGE_NS);
    const [target, source] = [toMfn(arg1), toMfn(arg2)];
    if (!frames.getPage(source, owner)) return -EINVAL;
    const result = withWritable(owner, target, () => {
      const from = frameAddress(source);
      memory.bytes.copyWithin(frameAddress(target), from, from + PAGE_SIZE);
    });
    frames.putPage(source);
    return result;
  };

  /** Nobody has devices, so nobody may slow the machine down by emptying its caches. */
  const flushCache: Operation = () => -EACCES;
  const flushAllCaches: Operation = () => -EINVAL;
  const markSuper: Operation = () => -EOPNOTSUPP;

  const operations: ReadonlyMap<number, Operation> = new Map([
    [MMUEXT_PIN_L1_TABLE, pin(1)],
    [MMUEXT_PIN_L2_TABLE, pin(2)],
    [MMUEXT_PIN_L3_TABLE, pin(3)],
    [MMUEXT_PIN_L4_TABLE, pin(4)],
    [MMUEXT_UNPIN_TABLE, unpin],
    [MMUEXT_NEW_BASEPTR, loadBase(bases.load, (vcpu) => vcpu.pageTableBase)],
    [MMUEXT_NEW_USER_BASEPTR, loadBase(bases.loadUser, (vcpu) => vcpu.userPageTableBase)],
    [MMUEXT_TLB_FLUSH_LOCAL, flush],
    [MMUEXT_INVLPG_LOCAL, flush],
    [MMUEXT_TLB_FLUSH_MULTI, flushMasked],
    [MMUEXT_INVLPG_MULTI, flushMasked],
    [MMUEXT_TLB_FLUSH_ALL, flush],
    [MMUEXT_INVLPG_ALL, flush],
    [MMUEXT_FLUSH_CACHE, own(flushCache)],
    [MMUEXT_FLUSH_CACHE_GLOBAL, own(flushAllCaches)],
    [
      MMUEXT_SET_LDT,
      own(({ vcpu, arg1, arg2 }) => descriptors.loadLdt(vcpu, toLinearAddress(arg1), arg2 % 2 ** 32)),
    ],
    [MMUEXT_CLEAR_PAGE, clearPage],
    [MMUEXT_COPY_PAGE, copyPage],
    [MMUEXT_MARK_SUPER, markSuper],
    [MMUEXT_UNMARK_SUPER, markSuper],
  ]);

  const perform: PerformRequest<DomId> = (call, view, owner) => {
    const { command, arg1, arg2 } = readMmuExtOp(view, 0, call.width);
    return operations.get(command)?.({ command, arg1, arg2, call, owner, vcpu: call.vcpu }) ?? -ENOSYS;
  };

  const buffers = {
    x86_32: createRequestBuffer(MMUEXT_OP.size("x86_32")),
    x86_32p: createRequestBuffer(MMUEXT_OP.size("x86_32p")),
    x86_64: createRequestBuffer(MMUEXT_OP.size("x86_64")),
  };
  return {
    number: __HYPERVISOR_mmuext_op,
    handle(call) {
      const batch = readBatch(call);
      const buffer = buffers[call.width];
      if (!call.guest.isAllowed(batch.first, batch.count, buffer.bytes.length)) return -EFAULT;
      const named = pageOwner(call.domain, call.argument32(3), parts.findDomain);
      if (named < 0) return named;
      const owner = toDomId(named);
      const denied = permissionError(call.domain, owner);
      if (denied !== 0) return denied;
      return runBatch(call, batch, buffer, perform, owner);
    },
  };
};
