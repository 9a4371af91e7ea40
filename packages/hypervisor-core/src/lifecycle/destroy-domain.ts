import type { DomainChange } from "@xenolith/domain-interface/control";
import type { EventChannels } from "@xenolith/event-channels";
import type { GrantTables } from "@xenolith/grant-tables";
import type { TraceSink } from "@xenolith/trace";
import type { X86Vcpu } from "@xenolith/x86-architecture";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { Watchdogs } from "../time/watchdogs.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";

/** What destruction is made from. */
export interface DestroyDomainParts {
  readonly trace: TraceSink;
  readonly domains: DomainList;
  readonly memory: MemoryManager;
  readonly events: EventChannels;
  readonly grants: GrantTables;
  readonly runControl: RunControl;
  readonly timers: VcpuTimers;
  readonly watchdogs: Watchdogs;
  readonly onChange: (domain: Domain, change: DomainChange) => void;
}

/** Ends domains and gives back what they had. */
export interface DestroyDomain {
  /** Stops a domain for good and begins to give its resources back. */
  destroy(domain: Domain): void;
  /** Between runs: goes on with domains whose frames were still in use elsewhere. Cheap when there is none. */
  reap(): void;
}

/** Makes the part that ends domains. */
export const createDomainDestroyer = (parts: DestroyDomainParts): DestroyDomain => {
  const { trace, domains, memory, events, grants, runControl, timers, watchdogs, onChange } = parts;
  const traceDestroyed = trace.define(HYPERVISOR_TRACE.destroyed);
  const dying = new Set<Domain>();
  /** Processors of domains that have ended: one of them may be in the middle of the exit that ended its domain. */
  const idleProcessors: X86Vcpu[] = [];

  /** Gives memory back as long as that gets anywhere. What others still have mapped goes when they let go. */
  const release = (domain: Domain): void => {
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      if (memory.closeDomain(domain)) break;
      const left = memory.pageCount(domain);
      if (left >= before) return;
      before = left;
    }
    dying.delete(domain);
    domains.remove(domain);
    if (trace.on) trace.record(traceDestroyed, domain.id);
    onChange(domain, "destroyed");
  };

  return {
    destroy(domain) {
      if (domain.dying) return;
      domain.dying = true;
      dying.add(domain);
      watchdogs.cancelAll(domain);
      for (const vcpu of domain.vcpus) {
        timers.cancelAll(vcpu);
        runControl.remove(vcpu);
        if (vcpu.registeredInfoFrame !== null) memory.releaseWritable(domain, vcpu.registeredInfoFrame);
        vcpu.registeredInfoFrame = null;
        if (vcpu.x86 !== null) idleProcessors.push(vcpu.x86);
        vcpu.x86 = null;
        vcpu.executor = null;
      }
      if (domain.eoiFrame !== null) memory.releaseWritable(domain, domain.eoiFrame);
      domain.eoiFrame = null;
      // Each takes itself out of the set.
      for (const pages of domain.ownPages ?? []) pages.release();
      events.removeDomain(domain.id);
      grants.releaseMappings(domain.id);
      grants.removeDomain(domain.id);
      release(domain);
    },
    reap() {
      for (const processor of idleProcessors.splice(0)) processor.release();
      for (const domain of dying) release(domain);
    },
  };
};
