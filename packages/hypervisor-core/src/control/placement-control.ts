import type { DomainControl, PoolControl, PoolDescription } from "@xenolith/domain-interface/control";
import { EINVAL, ENOENT, ESRCH } from "@xenolith/xen-abi";
import type { CpuPool, CpuPools } from "../cpu-pools.ts";
import type { Domain } from "../domain.ts";
import type { DomainList } from "../domain-list.ts";
import type { RunControl } from "../run-control.ts";

/** What control of places is made from. */
export interface PlacementParts {
  readonly domains: DomainList;
  readonly runControl: RunControl;
  readonly pools: CpuPools;
  readonly recall: () => void;
}

/** Which physical CPUs domains run on: pools, and affinities of VCPUs. */
export const createPlacementControl = ({
  domains,
  runControl,
  pools,
  recall,
}: PlacementParts): Pick<DomainControl, "pools" | "setAffinity" | "vcpusOf"> => {
  const domainsIn = (pool: CpuPool): Domain[] => domains.all().filter((domain) => domain.pool === pool);
  const describe = (pool: CpuPool): PoolDescription => ({
    id: pool.id,
    name: pool.name,
    scheduler: pool.scheduler.name,
    cpus: pool.scheduler.cpus(),
    domains: domainsIn(pool).map(({ id }) => id),
  });
  /** Where a change was made, every CPU asks again. */
  const changed = (result: number): number => {
    if (result >= 0) recall();
    return result;
  };

  /** Parameters that a domain takes along into a pool: only another of the same policy knows them. */
  const parametersFor = (domain: Domain, pool: CpuPool): Readonly<Record<string, number | boolean>> => {
    const [first] = domain.vcpus;
    const { scheduler } = domain.pool;
    if (first === undefined || scheduler.name !== pool.scheduler.name) return {};
    return scheduler.parametersOf(first.schedulerId);
  };

  const control: PoolControl = {
    list: () => pools.all().map(describe),
    create: (name, scheduler, cpus) => changed(pools.create(name, scheduler, cpus)),
    destroy(id) {
      const pool = pools.get(id);
      return changed(pools.destroy(id, pool !== null && domainsIn(pool).length === 0));
    },
    addCpu: (id, cpu) => changed(pools.addCpu(id, cpu)),
    removeCpu: (id, cpu) => changed(pools.removeCpu(id, cpu)),
    moveDomain(id, to) {
      const domain = domains.resolveRemote(id);
      const pool = pools.get(to);
      if (domain === null) return -ESRCH;
      if (pool === null) return -ENOENT;
      if (pool === domain.pool) return 0;
      const parameters = parametersFor(domain, pool);
      recall();
      for (const vcpu of domain.vcpus) runControl.withdraw(vcpu);
      domain.pool = pool;
      for (const vcpu of domain.vcpus) runControl.admit(vcpu, parameters);
      return 0;
    },
  };

  return {
    pools: control,
    setAffinity(id, index, affinity) {
      const domain = domains.resolveRemote(id);
      const vcpu = domain?.vcpus[index];
      if (domain === null) return -ESRCH;
      if (vcpu === undefined) return -EINVAL;
      const { hard } = affinity;
      if (hard !== null && !runControl.cpus.some((cpu) => hard.includes(cpu.id))) return -EINVAL;
      vcpu.affinity = affinity;
      // Off its CPU first: it may have to run elsewhere.
      recall();
      domain.pool.scheduler.setAffinity(vcpu.schedulerId, affinity);
      return 0;
    },
    vcpusOf: (id) =>
      domains.get(id)?.vcpus.map((vcpu) => ({
        index: vcpu.index,
        cpu: vcpu.lastCpu,
        state: vcpu.runstate,
        cpuNs: vcpu.cpuNs,
        affinity: vcpu.affinity,
      })) ?? [],
  };
};
