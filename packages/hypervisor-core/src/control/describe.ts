import type { DomainDescription } from "@xenolith/domain-interface/control";
import { toNanoseconds } from "@xenolith/machine-interface";
import { RUNSTATE_running } from "@xenolith/xen-abi/vcpu";
import type { Domain } from "../domain.ts";
import type { MemoryManager } from "../memory-manager.ts";

/** State of a domain in one word: the first that holds. */
const stateOf = (domain: Domain): DomainDescription["state"] => {
  if (domain.dying) return "dying";
  if (domain.shutdownReason !== null) return "shutdown";
  if (domain.pauseCount > 0) return "paused";
  if (domain.vcpus.some(({ runstate }) => runstate === RUNSTATE_running)) return "running";
  return domain.vcpus.some(({ isAwake }) => isAwake) ? "runnable" : "blocked";
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** A domain as tools show it. */
export const describeDomain = (domain: Domain, memory: MemoryManager): DomainDescription => ({
  id: domain.id,
  width: domain.width,
  privileged: domain.privileged,
  state: stateOf(domain),
  shutdownReason: domain.shutdownReason,
  crash: domain.crash,
  pages: memory.pageCount(domain),
  maximumPages: memory.maximumPageCount(domain),
  vcpus: domain.vcpus.length,
  cpuNs: toNanoseconds(sum(domain.vcpus.map(({ cpuNs }) => cpuNs))),
  instructions: sum(domain.vcpus.map(({ instructions }) => instructions)),
});
