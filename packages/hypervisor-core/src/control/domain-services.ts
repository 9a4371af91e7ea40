import type { MappedPages } from "@xenolith/domain-interface";
import type { DomainServices } from "@xenolith/domain-interface/control";
import type { EventChannels } from "@xenolith/event-channels";
import type { GrantTables } from "@xenolith/grant-tables";
import { type Clock, HostError, type Mfn, PAGE_SIZE, toNanoseconds } from "@xenolith/machine-interface";
import { toVcpuIndex } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { Shutdown } from "../lifecycle/shutdown.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import { endedServices } from "./ended-domain.ts";

/** What the services of TypeScript kernels are made from. */
export interface DomainServicesParts {
  readonly clock: Clock;
  readonly memory: MemoryManager;
  readonly events: EventChannels;
  readonly grants: GrantTables;
  readonly timers: VcpuTimers;
  readonly runControl: Pick<RunControl, "executedNs">;
  readonly shutdown: Shutdown;
}

/** TypeScript kernels have one VCPU. */
const FIRST_VCPU = toVcpuIndex(0);
const ZEROES = new Uint8Array(PAGE_SIZE);

type Services = Omit<DomainServices, "id" | "now">;

const createLivingServices = (domain: Domain, parts: DomainServicesParts): Services => {
  const { memory, events, grants, timers, runControl, shutdown } = parts;
  const { id } = domain;
  /** Frames given back by the kernel, for it to take again. */
  const pool: Mfn[] = [];

  const mapOwnFrames: DomainServices["mapOwnFrames"] = (frames) => {
    const pages: MappedPages | number = memory.mapFrames(domain, frames, true, () => {
      if (typeof pages !== "number") domain.ownPages?.delete(pages);
    });
    if (typeof pages === "number")
      throw new HostError(
        "not-own-frame",
        `domain ${id} maps a frame that is not its own, or is in use as a table`,
      );
    domain.ownPages ??= new Set();
    domain.ownPages.add(pages);
    return pages;
  };

  /** Takes frames out of the pool and clears them. */
  const takeFromPool = (count: number): Mfn[] => {
    const frames = pool.splice(Math.max(0, pool.length - count));
    const pages = mapOwnFrames(frames);
    for (let index = 0; index < frames.length; index++) pages.copyIn(index * PAGE_SIZE, ZEROES);
    pages.release();
    return frames;
  };

  return {
    allocateUnbound: (remote) => events.allocUnbound(id, id, remote),
    bindInterdomain: (remote, remotePort) => events.bindInterdomain(id, remote, remotePort),
    bindVirq: (virq) => events.bindVirq(id, virq, FIRST_VCPU),
    close: (port) => events.close(id, port),
    send: (port) => events.send(id, port),
    takePending: () => events.takePending(id, FIRST_VCPU),
    mapGrants: (granter, references, writable) => grants.mapPages(id, granter, references, writable),
    copyGrant: (granter, reference, offset, buffer, direction) =>
      direction === "from-grant"
        ? grants.copyFromGrant(id, granter, reference, offset, buffer)
        : grants.copyToGrant(id, granter, reference, offset, buffer),
    takeFrames(count) {
      const missing = Math.max(0, count - pool.length);
      const fresh = missing === 0 ? [] : memory.allocateFrames(domain, missing);
      return typeof fresh === "number" ? null : [...takeFromPool(count - missing), ...fresh];
    },
    mapOwnFrames,
    returnFrames(frames) {
      pool.push(...frames);
    },
    grantFrame: (frame, to, writable) => grants.offer(id, frame, to, writable),
    endGrant: (reference) => grants.withdraw(id, reference),
    executed() {
      const [vcpu] = domain.vcpus;
      return toNanoseconds(vcpu === undefined ? 0 : runControl.executedNs(vcpu));
    },
    setTimer(deadlineNs) {
      const [vcpu] = domain.vcpus;
      if (vcpu !== undefined) timers.setWakeup(vcpu, deadlineNs);
    },
    shutdown: (reason) => shutdown.shutdown(domain, reason),
  };
};

/**
 * Makes the hypercalls of a kernel that is not machine code. They act on behalf of its domain, like any guest's, and are
 * refused once the domain has ended.
 */
export const createDomainServices = (domain: Domain, parts: DomainServicesParts): DomainServices => {
  const living = createLivingServices(domain, parts);
  const services = (): Services => (domain.dying ? endedServices : living);
  return {
    id: domain.id,
    now: () => parts.clock.now(),
    allocateUnbound: (...args) => services().allocateUnbound(...args),
    bindInterdomain: (...args) => services().bindInterdomain(...args),
    bindVirq: (...args) => services().bindVirq(...args),
    close: (...args) => services().close(...args),
    send: (...args) => services().send(...args),
    takePending: () => services().takePending(),
    mapGrants: (...args) => services().mapGrants(...args),
    copyGrant: (...args) => services().copyGrant(...args),
    takeFrames: (...args) => services().takeFrames(...args),
    mapOwnFrames: (...args) => services().mapOwnFrames(...args),
    returnFrames: (...args) => services().returnFrames(...args),
    grantFrame: (...args) => services().grantFrame(...args),
    endGrant: (...args) => services().endGrant(...args),
    executed: () => services().executed(),
    setTimer: (...args) => services().setTimer(...args),
    shutdown: (...args) => services().shutdown(...args),
  };
};
