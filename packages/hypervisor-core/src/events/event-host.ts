import type { EventHost, SharedWords } from "@xenolith/event-channels";
import { frameAddress, type MachineMemory, PAGE_SHIFT, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { type DomId, EINVAL } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import type { Vcpu } from "../vcpu.ts";

/** What event channels are connected with. */
export interface EventHostParts {
  readonly memory: MachineMemory;
  readonly domains: DomainList;
  readonly runControl: RunControl;
  readonly memoryManager: Pick<MemoryManager, "mapFrames">;
}

/** Words of an information page. A class, not closures: a host has several of these for every domain. */
class MachineWords implements SharedWords {
  readonly #memory: MachineMemory;
  readonly #place: Pick<Vcpu, "infoAddress">;

  /** `place` says where the words lie now: it is looked at on every access. */
  constructor(memory: MachineMemory, place: Pick<Vcpu, "infoAddress">) {
    this.#memory = memory;
    this.#place = place;
  }

  readUint32(at: number): number {
    return this.#memory.view.getUint32(this.#place.infoAddress + at, true);
  }

  writeUint32(at: number, value: number): void {
    const address = this.#place.infoAddress + at;
    this.#memory.view.setUint32(address, value, true);
    this.#memory.written(toMfn(address >>> PAGE_SHIFT), address & (PAGE_SIZE - 1), 4);
  }
}

/** Connects event channels with shared memory and with the VCPUs that wait for events. */
export const createEventHost = ({
  memory,
  domains,
  runControl,
  memoryManager,
}: EventHostParts): EventHost => {
  /** Accessors of vcpu_info, made once per VCPU. */
  const infoOf = new WeakMap<Domain, SharedWords[]>();

  const wakeVcpu = (domain: DomId, vcpu: number): void => {
    const found = domains.get(domain)?.vcpus[vcpu];
    if (found !== undefined) runControl.unblock(found);
  };

  return {
    sharedInfo(id) {
      const frame = domains.get(id)?.sharedInfoFrame ?? toMfn(0);
      return new MachineWords(memory, { infoAddress: frameAddress(frame) });
    },
    vcpuInfo(id, vcpu) {
      const domain = domains.get(id);
      if (domain === null) return null;
      const known = infoOf.get(domain);
      const all = known ?? domain.vcpus.map((of) => new MachineWords(memory, of));
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
