import type { EventHost, SharedWords } from "@xenolith/event-channels";
import { frameAddress, type MachineMemory, PAGE_SHIFT, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { type DomId, EINVAL } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";

/** What event channels are connected with. */
export interface EventHostParts {
  readonly memory: MachineMemory;
  readonly domains: DomainList;
  readonly runControl: RunControl;
  readonly memoryManager: Pick<MemoryManager, "mapFrames">;
}

/** Connects event channels with shared memory and with the VCPUs that wait for events. */
export const createEventHost = ({
  memory,
  domains,
  runControl,
  memoryManager,
}: EventHostParts): EventHost => {
  const words = (base: () => number): SharedWords => ({
    readUint32: (at) => memory.view.getUint32(base() + at, true),
    writeUint32(at, value) {
      const address = base() + at;
      memory.view.setUint32(address, value, true);
      memory.written(toMfn(address >>> PAGE_SHIFT), address & (PAGE_SIZE - 1), 4);
    },
  });
  /** Accessors of vcpu_info, made once per VCPU: the place may move, so it is looked up on every access. */
  const infoOf = new WeakMap<Domain, SharedWords[]>();

  const wakeVcpu = (domain: DomId, vcpu: number): void => {
    const found = domains.get(domain)?.vcpus[vcpu];
    if (found !== undefined) runControl.unblock(found);
  };

  return {
    sharedInfo(id) {
      const frame = domains.get(id)?.sharedInfoFrame ?? toMfn(0);
      return words(() => frameAddress(frame));
    },
    vcpuInfo(id, vcpu) {
      const domain = domains.get(id);
      if (domain === null) return null;
      const known = infoOf.get(domain);
      const all = known ?? domain.vcpus.map((of) => words(() => of.infoAddress));
      if (known === undefined) infoOf.set(domain, all);
      return all[vcpu] ?? null;
    },
    holdPage(id, frame) {
      const domain = domains.get(id);
      const pages = domain === null ? -EINVAL : memoryManager.mapFrames(domain, [toMfn(frame)], true);
      return typeof pages === "number" ? null : { words: pages, release: () => pages.release() };
    },
    upcallPending: wakeVcpu,
    wakePolling: wakeVcpu,
    isPaused: (id) => (domains.get(id)?.pauseCount ?? 0) > 0,
  };
};
