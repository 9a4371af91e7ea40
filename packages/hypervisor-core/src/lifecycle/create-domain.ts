import type { CreateDomain } from "@xenolith/domain-interface/control";
import type { EventChannels } from "@xenolith/event-channels";
import type { GrantTables } from "@xenolith/grant-tables";
import {
  type AddressTranslator,
  type Clock,
  HostError,
  type MachineMemory,
} from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import { DOMID_FIRST_RESERVED, EEXIST, EINVAL, ENOMEM } from "@xenolith/xen-abi";
import { VIRQ_VIRTUAL_TIMER } from "@xenolith/xen-abi/alarm";
import { XEN_LEGACY_MAX_VCPUS } from "@xenolith/xen-abi/shared-info";
import { XEN_DOMAIN_HANDLE_LEN } from "@xenolith/xen-abi/version";
import type { CpuPools } from "../cpu-pools.ts";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import { writeWallClock } from "../time/wall-clock.ts";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { UpcallState } from "../upcall-state.ts";
import { newDomain, placeVcpuInfo } from "./new-domain.ts";

/** Highest port of a domain: all that two-level events have, and of FIFO events no more, so that what is kept of ports is bounded. */
const MAXIMUM_PORT = 4095;

/** What each VCPU of a domain with alarms has for itself. */
const ALARM_VIRQS: readonly number[] = [VIRQ_VIRTUAL_TIMER];

/** What domains are created from. */
export interface CreateDomainParts {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  readonly clock: Clock;
  readonly trace: TraceSink;
  readonly domains: DomainList;
  readonly memory: MemoryManager;
  readonly events: EventChannels;
  readonly grants: GrantTables;
  readonly upcalls: UpcallState;
  readonly runControl: RunControl;
  readonly pools: CpuPools;
}

/** Makes a domain. @returns the record, or -EINVAL, -EEXIST, -ENOMEM; then nothing is left of it. */
export type CreateDomainRecord = (options: CreateDomain) => Domain | number;

const isWhole = (value: number, minimum: number, maximum: number): boolean =>
  Number.isSafeInteger(value) && value >= minimum && value <= maximum;

/** Makes the part that creates domains. */
export const createDomainFactory = (parts: CreateDomainParts): CreateDomainRecord => {
  const { machine, translator, clock, trace, domains, memory, events, grants, upcalls, runControl } = parts;
  const traceCreate = trace.define(HYPERVISOR_TRACE.create);
  let schedulerIds = 0;
  const nextSchedulerId = (): number => schedulerIds++;

  const refusal = ({ id, vcpus, maximumPages, uuid }: CreateDomain): number => {
    if (id !== null && !isWhole(id, 0, DOMID_FIRST_RESERVED - 1)) return -EINVAL;
    if (id !== null && domains.get(id) !== null) return -EEXIST;
    if (!isWhole(vcpus, 1, XEN_LEGACY_MAX_VCPUS) || !isWhole(maximumPages, 0, Number.MAX_SAFE_INTEGER))
      return -EINVAL;
    return uuid.length === XEN_DOMAIN_HANDLE_LEN ? 0 : -EINVAL;
  };

  /** Makes the VCPUs known to the scheduler. Parameters come from people: one out of range is -EINVAL, not a mistake of the host's. */
  const admit = (domain: Domain, scheduling: CreateDomain["scheduling"]): number => {
    try {
      for (const vcpu of domain.vcpus) runControl.admit(vcpu, scheduling);
      return 0;
    } catch (error) {
      if (error instanceof HostError) return -EINVAL;
      throw error;
    }
  };

  /** Gives a record its shared page, grant table and ports. */
  const furnish = (domain: Domain): number => {
    placeVcpuInfo(domain);
    for (const vcpu of domain.vcpus) upcalls.setMasked(vcpu, true);
    writeWallClock(machine, clock, domain);
    const { id, width, privileged, vcpus } = domain;
    const result = grants.addDomain(id, { privileged });
    if (result === 0) {
      const options = {
        width,
        vcpuCount: vcpus.length,
        privileged,
        maximumPort: MAXIMUM_PORT,
        vcpuVirqs: domain.hasAlarms ? ALARM_VIRQS : [],
      };
      events.addDomain(id, options);
    }
    return result;
  };

  const undo = (domain: Domain): void => {
    for (const vcpu of domain.vcpus) runControl.remove(vcpu);
    memory.closeDomain(domain);
    domains.remove(domain);
  };

  return (options) => {
    const refused = refusal(options);
    if (refused !== 0) return refused;
    const id = options.id ?? domains.freeId();
    if (id === null) return -ENOMEM;
    const domain = newDomain(id, options, {
      memory: machine,
      translator,
      now: clock.now(),
      pool: parts.pools.initial,
      nextSchedulerId,
    });
    if (memory.openDomain(domain) !== 0) return -ENOMEM;
    domains.add(domain);
    const result = admit(domain, options.scheduling) || furnish(domain);
    if (result !== 0) {
      undo(domain);
      return result;
    }
    if (trace.on) trace.record(traceCreate, id, options.vcpus, options.maximumPages);
    return domain;
  };
};
