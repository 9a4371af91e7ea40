import type { VcpuId } from "@xenolith/scheduler-interface";
import type { CreditParameters } from "./parameters.ts";

/** VCPUs that share weight and cap: a domain's. */
export interface Group {
  readonly id: number;
  parameters: CreditParameters;
  readonly members: Set<Entry>;
  /** With a cap: time the group may still use before the next hand-out; negative when it has used more. */
  capLeftNs: number;
}

/** What is kept for a VCPU. */
export interface Entry {
  readonly id: VcpuId;
  readonly group: Group;
  /** Processor time it is owed; negative: it has had more than its share. */
  creditNs: number;
  runnable: boolean;
  /** It has been runnable since the last hand-out. */
  active: boolean;
}

/**
 * What a group can take at most: what its active VCPUs may keep beyond what they have, within its cap. One that sleeps most of
 * the time has its credit still, and takes hardly more than it has used: the rest is for those that use it.
 */
const peakNs = ({ parameters, members }: Group, periodNs: number): number => {
  let roomNs = 0;
  for (const member of members) if (member.active) roomNs += Math.max(0, periodNs - member.creditNs);
  const capNs = parameters.cap === 0 ? Number.POSITIVE_INFINITY : (parameters.cap * periodNs) / 100;
  return Math.min(roomNs, capNs);
};

/**
 * Divides the time of all CPUs of a period by weight among groups. What one cannot use, because it has too few VCPUs or a
 * cap, goes to the others.
 * @returns the time of each group.
 */
export const divide = (groups: readonly Group[], totalNs: number, periodNs: number): Map<Group, number> => {
  const shares = new Map<Group, number>();
  const hungriest = groups
    .map((group) => ({ group, peak: peakNs(group, periodNs) }))
    .sort((a, b) => a.peak / a.group.parameters.weight - b.peak / b.group.parameters.weight);
  let leftNs = totalNs;
  let weights = groups.reduce((sum, { parameters }) => sum + parameters.weight, 0);
  for (const { group, peak } of hungriest) {
    const shareNs = Math.min(peak, (leftNs * group.parameters.weight) / weights);
    shares.set(group, shareNs);
    leftNs -= shareNs;
    weights -= group.parameters.weight;
  }
  return shares;
};

/**
 * Hands out credit for a period: each active group gets its share, and its active VCPUs equal parts of it. Nobody keeps more
 * than a period's worth, so that sleeping does not save up.
 */
export const handOut = (groups: Iterable<Group>, totalNs: number, periodNs: number): void => {
  const active = [...groups].filter(({ members }) => [...members].some((member) => member.active));
  for (const [group, shareNs] of divide(active, totalNs, periodNs)) {
    const takers = [...group.members].filter((member) => member.active);
    for (const taker of takers) {
      taker.creditNs = Math.min(taker.creditNs + Math.floor(shareNs / takers.length), periodNs);
      taker.active = taker.runnable;
    }
  }
};

/** Gives capped groups their allowance for a period: what was overdrawn is owed, what was not used is lost. */
export const refillCaps = (groups: Iterable<Group>, periodNs: number): void => {
  for (const group of groups) {
    if (group.parameters.cap === 0) continue;
    const allowanceNs = (group.parameters.cap * periodNs) / 100;
    group.capLeftNs = Math.min(group.capLeftNs, 0) + allowanceNs;
  }
};
