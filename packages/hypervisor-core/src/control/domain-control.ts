import type { DomainChange, DomainControl, DomainServices } from "@xenolith/domain-interface/control";
import type { EventChannels } from "@xenolith/event-channels";
import type { GrantTables } from "@xenolith/grant-tables";
import { frameAddress, HostError, type MachineMemory, PAGE_SIZE } from "@xenolith/machine-interface";
import { type DomId, EBUSY, EEXIST, EINVAL, ESRCH, type VcpuIndex } from "@xenolith/xen-abi";
import type { CpuPools } from "../cpu-pools.ts";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import { hypercallPage } from "../hypercalls/hypercall-page.ts";
import type { CreateDomainRecord } from "../lifecycle/create-domain.ts";
import type { DestroyDomain } from "../lifecycle/destroy-domain.ts";
import type { Processors } from "../lifecycle/processors.ts";
import { dumpRegisters } from "../lifecycle/register-dump.ts";
import type { ResumeDomain } from "../lifecycle/resume-domain.ts";
import { saveContext } from "../lifecycle/saved-context.ts";
import type { Shutdown } from "../lifecycle/shutdown.ts";
import { applyStartContext } from "../lifecycle/start-context.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import type { Vcpu } from "../vcpu.ts";
import { XEN_VERSION } from "../version.ts";
import { describeDomain } from "./describe.ts";
import { createDomainServices, type DomainServicesParts } from "./domain-services.ts";
import { createPlacementControl } from "./placement-control.ts";

/** What control of domains is made from. */
export interface DomainControlParts extends DomainServicesParts {
  readonly machine: MachineMemory;
  readonly domains: DomainList;
  readonly memory: MemoryManager;
  readonly events: EventChannels;
  readonly grants: GrantTables;
  readonly runControl: RunControl;
  readonly shutdown: Shutdown;
  readonly pools: CpuPools;
  /** Takes every VCPU off its CPU, so that all schedulers are asked again. */
  readonly recall: () => void;
  readonly processors: Processors;
  readonly createRecord: CreateDomainRecord;
  readonly resume: ResumeDomain;
  readonly destroyer: DestroyDomain;
  readonly changes: DomainChanges;
}

/** Who is told of changes of domains. */
export interface DomainChanges {
  /** Adds a listener. @returns a function that removes it. */
  listen(listener: (domain: DomId, change: DomainChange) => void): () => void;
  announce(domain: Domain, change: DomainChange): void;
}

/** Makes an empty list of listeners. A listener may control domains, and add and remove listeners. */
export const createDomainChanges = (): DomainChanges => {
  const listeners = new Set<(domain: DomId, change: DomainChange) => void>();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    announce({ id }, change) {
      for (const listener of [...listeners]) listener(id, change);
    },
  };
};

/** Makes the control over all domains of a hypervisor. */
export const createDomainControl = (parts: DomainControlParts): DomainControl => {
  const { domains, memory, events, grants, runControl, shutdown, processors, changes } = parts;

  /** Acts on a domain that is alive. */
  const withDomain = <Result>(id: DomId, act: (domain: Domain) => Result): Result | number => {
    const domain = domains.resolveRemote(id);
    return domain === null ? -ESRCH : act(domain);
  };

  const withVcpu = (id: DomId, index: VcpuIndex, act: (vcpu: Vcpu, domain: Domain) => number): number =>
    withDomain(id, (domain) => {
      const vcpu = domain.vcpus[index];
      return vcpu === undefined ? -EINVAL : act(vcpu, domain);
    });

  const known = (id: DomId): Domain => {
    const domain = domains.get(id);
    if (domain === null) throw new HostError("unknown-domain", `there is no domain ${id}`);
    return domain;
  };

  const servicesOf = new WeakMap<Domain, DomainServices>();

  const firstVcpu = (id: DomId): Vcpu | null => domains.resolveRemote(id)?.vcpus[0] ?? null;

  return {
    create(options) {
      const domain = parts.createRecord(options);
      if (typeof domain === "number") return domain;
      changes.announce(domain, "created");
      return domain.id;
    },
    destroy: (id) =>
      withDomain(id, (domain) => {
        parts.destroyer.destroy(domain);
        return 0;
      }),
    pause: (id) =>
      withDomain(id, (domain) => {
        domain.pauseCount++;
        runControl.updateAll(domain);
        changes.announce(domain, "paused");
        return 0;
      }),
    unpause: (id) =>
      withDomain(id, (domain) => {
        if (domain.pauseCount === 0) return -EINVAL;
        domain.pauseCount--;
        runControl.updateAll(domain);
        changes.announce(domain, "unpaused");
        return 0;
      }),
    describe(id) {
      const domain = domains.get(id);
      return domain && describeDomain(domain, memory);
    },
    list: () => domains.all().map((domain) => describeDomain(domain, memory)),
    onChange: changes.listen,

    setMaximumPages: (id, pages) =>
      withDomain(id, (domain) => {
        if (!Number.isSafeInteger(pages) || pages < 0) return -EINVAL;
        memory.setMaximumPageCount(domain, pages);
        return 0;
      }),
    allocateFrames: (id, count) => withDomain(id, (domain) => memory.allocateFrames(domain, count)),
    mapFrames: (id, frames) => withDomain(id, (domain) => memory.mapFrames(domain, frames, true)),
    readFrame: (id, frame, into) =>
      withDomain(id, (domain) => {
        if (frame === domain.sharedInfoFrame) {
          const at = frameAddress(frame);
          into.set(parts.machine.bytes.subarray(at, at + PAGE_SIZE));
          return 0;
        }
        const pages = memory.mapFrames(domain, [frame], false);
        if (typeof pages === "number") return pages;
        pages.copyOut(0, into);
        pages.release();
        return 0;
      }),
    framesOf: (id) => memory.framesOf(known(id)),
    setPhysicalNumbers: (id, frames, first) =>
      withDomain(id, (domain) => memory.setPhysicalNumbers(domain, frames, first)),
    setPageTableBase: (id, root) => withDomain(id, (domain) => memory.setInitialPageTableBase(domain, root)),
    sharedInfoFrame: (id) => known(id).sharedInfoFrame,
    writeHypercallPage: (id, frame) =>
      withDomain(id, (domain) => {
        const pages = memory.mapFrames(domain, [frame], true);
        if (typeof pages === "number") return pages;
        pages.copyIn(0, hypercallPage(domain.width));
        pages.release();
        return 0;
      }),

    setStartContext: (id, index, context) =>
      withVcpu(id, index, (vcpu) => {
        if (!processors.provide(vcpu)) return -EEXIST;
        const result = applyStartContext(vcpu, context);
        runControl.update(vcpu);
        return result;
      }),
    attachExecutor: (id, index, executor) =>
      withVcpu(id, index, (vcpu, domain) => {
        if (vcpu.executor !== null) return -EEXIST;
        if (domain.pauseCount === 0) return -EBUSY;
        vcpu.executor = executor;
        vcpu.isInitialised = true;
        runControl.update(vcpu);
        return 0;
      }),
    inside(id) {
      const domain = known(id);
      const made = servicesOf.get(domain) ?? createDomainServices(domain, parts);
      servicesOf.set(domain, made);
      return made;
    },
    dumpRegisters(id, index) {
      const vcpu = domains.get(id)?.vcpus[index];
      return vcpu === undefined ? `domain ${id} vcpu ${index}: there is none` : dumpRegisters(vcpu);
    },

    allocateUnbound: (id, remote) => withDomain(id, () => events.allocUnbound(id, id, remote)),
    seedGrant: (id, reference, to, frame) => withDomain(id, () => grants.seed(id, reference, to, frame)),
    vcpuContext(id, index) {
      const vcpu = domains.get(id)?.vcpus[index];
      return vcpu === undefined ? null : saveContext(vcpu);
    },
    physicalNumbersOf: (id) => memory.framesOf(known(id)).map(memory.physicalNumberOf),
    version: XEN_VERSION,
    resume: (id, { cancelled }) => withDomain(id, (domain) => parts.resume(domain, cancelled)),
    shutdown: (id, reason) =>
      withDomain(id, (domain) => {
        shutdown.shutdown(domain, reason);
        return 0;
      }),

    schedulingOf(id) {
      const vcpu = firstVcpu(id);
      return vcpu?.domain.pool.scheduler.parametersOf(vcpu.schedulerId) ?? null;
    },
    adjustScheduling(id, parameters) {
      const domain = domains.resolveRemote(id);
      if (domain === null) return `there is no domain ${id}`;
      for (const vcpu of domain.vcpus) {
        const refusal = domain.pool.scheduler.adjust(vcpu.schedulerId, parameters);
        if (refusal !== null) return refusal;
      }
      return null;
    },
    ...createPlacementControl(parts),
    schedulingReport(id, index) {
      const vcpu = domains.resolveRemote(id)?.vcpus[index];
      return vcpu === undefined ? null : vcpu.domain.pool.scheduler.report(vcpu.schedulerId);
    },
  };
};
