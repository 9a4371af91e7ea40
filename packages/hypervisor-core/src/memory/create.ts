import { createFrameTable, FRAME_TYPE, type FrameTable } from "@xenolith/frame-table";
import { createMappedFrames, type GrantHost } from "@xenolith/grant-tables";
import type { AddressTranslator, EntropySource, MachineMemory, Mfn } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import { FRAME_RECORDS } from "@xenolith/x86-architecture";
import { EINVAL, ENOMEM, toPfn } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { MemoryManager } from "../memory-manager.ts";
import { createAddressSpaces } from "./address-spaces.ts";
import { createDescriptorHypercalls } from "./descriptor-hypercalls.ts";
import { createDescriptorTables } from "./descriptor-tables.ts";
import { createGrantHost } from "./grant-host.ts";
import { createLongTableWork } from "./long-table-work.ts";
import { createMemoryOp } from "./memory-op/index.ts";
import { createMmuUpdate } from "./mmu-update.ts";
import { createMmuExtOp } from "./mmuext-op.ts";
import { createPageTableBases } from "./page-table-bases.ts";
import { createPageTableWrites } from "./page-table-writes.ts";
import type { FindDomain, MemoryParts } from "./parts.ts";
import { createUpdateVaMapping } from "./update-va-mapping.ts";

/** What the memory side of a hypervisor is made from. */
export interface MemoryManagerParts {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  /** Decides the order of frames. */
  readonly entropy: EntropySource;
  readonly trace: TraceSink;
  readonly findDomain: FindDomain;
}

/** The memory side of a hypervisor: the core's contract, and what grant tables and checks need of it. */
export interface MemorySystem extends MemoryManager {
  readonly frames: FrameTable;
  /** What grant tables work with. */
  readonly grantHost: GrantHost;
}

/** Makes the memory side. */
export const createMemorySystem = (options: MemoryManagerParts): MemorySystem => {
  const { memory, translator, findDomain } = options;
  const spaces = createAddressSpaces(
    memory,
    translator,
    () => frames.machineToPhysical,
    () => frames.work,
  );
  const recordsAt = memory.reserve(memory.frameCount * FRAME_RECORDS.bytesPerFrame);
  const frames: FrameTable = createFrameTable({
    memory,
    recordsAt,
    entropy: options.entropy,
    trace: options.trace,
    wideMachineToPhysical: true,
    onFlush: (frame) => translator.invalidateFrame(frame),
    onTableChange: (...change) => spaces.tableChanged(...change),
  });
  const descriptors = createDescriptorTables(memory, frames);
  const bases = createPageTableBases(frames, spaces, descriptors);
  const longWork = createLongTableWork(frames);
  const parts: MemoryParts = { memory, frames, descriptors, longWork, findDomain };

  /** In the order of pseudo-physical numbers; frames without one come last. */
  const framesOf = (domain: Domain): Mfn[] => {
    const numberOf = new Map(
      frames.framesOf(domain.id).map((frame) => [frame, frames.machineToPhysical.read(frame)] as const),
    );
    const rank = (frame: Mfn): number => numberOf.get(frame) ?? 2 ** 32;
    return [...numberOf.keys()].sort((a, b) => rank(a) - rank(b) || a - b);
  };

  const hold = (domain: Domain, frame: Mfn, writable: boolean): boolean =>
    writable
      ? frames.getPageAndType(frame, domain.id, FRAME_TYPE.writable) === 0
      : frames.getPage(frame, domain.id);

  const letGo = (held: readonly Mfn[], writable: boolean): void => {
    for (const frame of held) {
      if (writable) frames.putPageAndType(frame);
      else frames.putPage(frame);
    }
  };

  return {
    frames,
    grantHost: createGrantHost({
      memory,
      frames,
      findDomain,
      flushFrame: (frame) => translator.invalidateFrame(frame),
    }),
    hypercalls: [
      createMmuUpdate(parts),
      createMmuExtOp(parts, bases),
      ...createUpdateVaMapping(parts),
      createMemoryOp(parts),
      ...createDescriptorHypercalls(parts),
    ],

    openDomain(domain) {
      const shared = frames.allocateMonitor();
      if (shared === null) return -ENOMEM;
      frames.addDomain(domain.id, { width: domain.width, maximumPages: domain.maximumPages });
      frames.shareMonitor(shared, domain.id, true);
      domain.sharedInfoFrame = shared;
      spaces.open(domain);
      return 0;
    },
    closeDomain(domain) {
      for (const vcpu of domain.vcpus) {
        longWork.close(vcpu);
        descriptors.close(vcpu);
        bases.close(vcpu);
      }
      longWork.forget(domain.id);
      spaces.close(domain);
      if (frames.relinquish(domain.id) > 0) return false;
      frames.releaseMonitor(domain.sharedInfoFrame);
      return frames.removeDomain(domain.id) === 0;
    },
    pageCount: (domain) => frames.pagesOf(domain.id),
    maximumPageCount: (domain) => frames.maximumPagesOf(domain.id),
    setMaximumPageCount: (domain, pages) => frames.setMaximumPages(domain.id, pages),

    descriptorSource: descriptors.sourceOf,
    prepareRun() {
      // Flushes are carried out when they are asked for, and bases change `space` themselves: nothing waits.
    },
    loadPageTableBase: bases.load,
    loadUserPageTableBase: bases.loadUser,
    spaceOf: spaces.find,
    frameRecordsFor: (vcpu) => (longWork.isUnderWay(vcpu) ? 0 : recordsAt),
    toggleUserMode: bases.toggle,
    loadGdt: descriptors.loadGdt,
    loadLdt: descriptors.loadLdt,
    handlePageFault: createPageTableWrites(parts, translator),

    allocateFrames: (domain, count) => frames.allocate(domain.id, count),
    framesOf,
    physicalNumberOf(frame) {
      const pfn = frames.machineToPhysical.read(frame);
      return pfn === null ? null : toPfn(pfn);
    },
    mapFrames(domain, wanted, writable, onReleased = () => {}) {
      const held: Mfn[] = [];
      for (const frame of wanted) {
        if (!hold(domain, frame, writable)) {
          letGo(held, writable);
          return -EINVAL;
        }
        held.push(frame);
      }
      const onRelease = (): void => {
        letGo(held, writable);
        onReleased();
      };
      return createMappedFrames({ memory, frames: held, writable, onRelease });
    },
    setPhysicalNumbers(domain, list, first) {
      if (list.some((frame) => frames.ownerOf(frame) !== domain.id)) return -EINVAL;
      frames.machineToPhysical.number(list, first);
      return 0;
    },
    setInitialPageTableBase(domain, root) {
      const [vcpu] = domain.vcpus;
      if (vcpu === undefined) return -EINVAL;
      const error = frames.pin(domain.id, root, frames.rootLevelOf(domain.id));
      return error !== 0 ? error : bases.load(vcpu, root);
    },
    holdWritable: (domain, frame) => (hold(domain, frame, true) ? 0 : -EINVAL),
    releaseWritable: (_domain, frame) => frames.putPageAndType(frame),
  };
};
