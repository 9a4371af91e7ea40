import { HostError } from "@xenolith/machine-interface";
import type { Decision, Nanoseconds, Scheduler, VcpuId, VcpuReport } from "@xenolith/scheduler-interface";
import { silentTrace, type TraceSink } from "@xenolith/trace";
import { BVT_PARAMETERS, type BvtParameters, checkParameters, defaultParameters } from "./parameters.ts";
import { TRACE } from "./trace.ts";
import {
  chargeMcu,
  mcuOfUnits,
  REBASE_AT,
  UNITS_PER_MCU,
  unitsOfMcu,
  type VirtualTime,
} from "./virtual-time.ts";
import { adjustWarp, chargeWarp, createWarp, endWarp, type Warp, warpLeftNs, warpOnWake } from "./warp.ts";

/** Settings of the policy as a whole. */
export interface BvtOptions {
  /** Minimum charging unit: running time is charged in whole mcu, rounded up. Default 100 µs. */
  readonly mcuNs?: Nanoseconds;
  /** C, the context-switch allowance: how far a VCPU may run ahead of the next one. A multiple of the mcu. Default 5 ms. */
  readonly contextSwitchAllowanceNs?: Nanoseconds;
  readonly trace?: TraceSink;
}

interface Entry {
  readonly id: VcpuId;
  parameters: BvtParameters;
  /** A: actual virtual time. */
  readonly avt: VirtualTime;
  readonly warp: Warp;
  runnable: boolean;
  /** Number of its last dispatch: among equals the one that waited longest goes first, then the lower number. */
  dispatched: number;
}

/** Time after which a VCPU that is alone is charged, in allowances: what one that wakes then is behind it by at most. */
const ALONE_CHARGE_FACTOR = 10;
/** Allowances that it runs before the question is asked again: asking costs the host more than charging. */
const ALONE_FACTOR = 100;

/** E: effective virtual time, A less the warp. */
const effective = ({ avt, warp, parameters }: Entry): number =>
  warp.active ? avt.units - parameters.warpMcu * UNITS_PER_MCU : avt.units;

const inMcu = (units: number): number => Math.round(units / UNITS_PER_MCU);

/**
 * Borrowed virtual time: the runnable VCPU with the smallest effective virtual time runs, until it is C ahead of the next.
 * [BVT 3]
 *
 * - Charge: `A += ceil(ran / mcu) / weight`, without rounding.
 * - Slice: `(E_next - E) * weight` plus C, cut by what is left of the warp limit. C is real time: in virtual time C / weight.
 * - Wake: `A = max(A, SVT)`, SVT being the least A of all runnable ones; it preempts at once when its E is smaller.
 * - Warp: see `warp.ts`.
 */
export const createBvtScheduler = (options: BvtOptions = {}): Scheduler => {
  const { mcuNs = 100_000, contextSwitchAllowanceNs = 5_000_000, trace = silentTrace } = options;
  if (!(mcuNs > 0) || !(contextSwitchAllowanceNs >= mcuNs)) {
    throw new HostError(
      "bad-scheduler-option",
      "bvt: the mcu must be above 0 and the context-switch allowance at least one mcu",
    );
  }
  const entries = new Map<VcpuId, Entry>();
  /** Those that may run, in no order. */
  const runnable: Entry[] = [];
  const traceChoose = trace.define(TRACE.choose);
  const traceWake = trace.define(TRACE.wake);
  let svt = 0;
  let dispatches = 0;
  let current: Entry | null = null;
  let currentSince = 0;
  /** What the one that runs has been charged for since it was chosen. */
  let chargedNs = 0;

  const entryOf = (id: VcpuId): Entry => {
    const entry = entries.get(id);
    if (entry === undefined) throw new HostError("unknown-vcpu", `bvt: VCPU ${id} has not been admitted`);
    return entry;
  };
  const mcuOf = (ranNs: number): number => Math.ceil(ranNs / mcuNs);
  const advanceSvt = (): void => {
    let least = Number.POSITIVE_INFINITY;
    for (const { avt } of runnable) if (avt.units < least) least = avt.units;
    if (least !== Number.POSITIVE_INFINITY) svt = Math.max(svt, least);
  };
  const takeOff = (entry: Entry): void => {
    const last = runnable.pop();
    const at = last === undefined || last === entry ? -1 : runnable.indexOf(entry);
    if (last !== undefined && at >= 0) runnable[at] = last;
    entry.runnable = false;
  };
  /** Moves all times back together: differences stay, and sleepers far behind are no further behind than it matters. */
  const rebase = (): void => {
    const shift = svt;
    svt = 0;
    for (const { avt } of entries.values()) avt.units = Math.max(avt.units - shift, -REBASE_AT);
  };
  const isBefore = (entry: Entry, other: Entry): boolean => {
    const difference = effective(entry) - effective(other);
    if (difference !== 0) return difference < 0;
    const wait = entry.dispatched - other.dispatched;
    return wait !== 0 ? wait < 0 : entry.id < other.id;
  };
  /** The two runnable entries with the smallest effective times. */
  const firstTwo = (): [Entry | null, Entry | null] => {
    let first: Entry | null = null;
    let second: Entry | null = null;
    for (const entry of runnable) {
      if (first === null || isBefore(entry, first)) {
        second = first;
        first = entry;
      } else if (second === null || isBefore(entry, second)) second = entry;
    }
    return [first, second];
  };
  const sliceNs = (entry: Entry, gapUnits: number): number =>
    mcuOfUnits(Math.max(0, gapUnits), entry.parameters.weight) * mcuNs + contextSwitchAllowanceNs;
  const cutByWarp = (entry: Entry, slice: number): number =>
    entry.warp.active ? Math.min(slice, warpLeftNs(entry.warp, entry.parameters)) : slice;

  const charge = (entry: Entry, ranNs: number, now: number): void => {
    chargeMcu(entry.avt, mcuOf(ranNs), entry.parameters.weight);
    chargeWarp(entry.warp, entry.parameters, ranNs, now);
  };

  /** Charges one that has been alone for the periods that it has run, as if the question had been asked after each. */
  const chargeAlone = (now: number): void => {
    if (current === null || !current.runnable || runnable.length > 1) return;
    const periodNs = ALONE_CHARGE_FACTOR * contextSwitchAllowanceNs;
    const ranNs = Math.floor((now - currentSince) / periodNs) * periodNs;
    if (ranNs <= 0) return;
    charge(current, ranNs, now);
    currentSince += ranNs;
    chargedNs += ranNs;
  };

  const choose = (now: Nanoseconds, ranNs: Nanoseconds): Decision => {
    if (current !== null && ranNs > chargedNs) charge(current, ranNs - chargedNs, now);
    chargedNs = 0;
    if (current !== null && !current.runnable) endWarp(current.warp, now);
    advanceSvt();
    if (svt >= REBASE_AT) rebase();
    const [first, second] = firstTwo();
    current = first;
    currentSince = now;
    if (first === null) return { vcpu: null, sliceNs: Number.POSITIVE_INFINITY };
    first.dispatched = ++dispatches;
    const whole =
      second === null
        ? ALONE_FACTOR * contextSwitchAllowanceNs
        : sliceNs(first, effective(second) - effective(first));
    const slice = cutByWarp(first, whole);
    if (trace.on) trace.record(traceChoose, first.id, inMcu(effective(first)), inMcu(svt), slice);
    return { vcpu: first.id, sliceNs: slice };
  };

  const wake = (id: VcpuId, now: Nanoseconds): Nanoseconds => {
    const entry = entryOf(id);
    if (entry.runnable) return Number.POSITIVE_INFINITY;
    chargeAlone(now);
    advanceSvt();
    entry.runnable = true;
    runnable.push(entry);
    entry.avt.units = Math.max(entry.avt.units, svt);
    warpOnWake(entry.warp, entry.parameters, now);
    if (trace.on) trace.record(traceWake, id, inMcu(entry.avt.units), inMcu(svt), entry.warp.active ? 1 : 0);
    if (current === null || current === entry || !current.runnable) return now;
    const reached = effective(current) + unitsOfMcu(mcuOf(now - currentSince), current.parameters.weight);
    if (effective(entry) < reached) return now;
    return now + sliceNs(current, effective(entry) - reached);
  };

  return {
    name: "bvt",
    parameters: BVT_PARAMETERS,
    admit(vcpu, given) {
      const problem = entries.has(vcpu) ? `VCPU ${vcpu} is there already` : checkParameters(given);
      if (problem !== null) throw new HostError("bad-vcpu", `bvt: ${problem}`);
      const parameters = { ...defaultParameters(), ...given };
      entries.set(vcpu, {
        id: vcpu,
        parameters,
        avt: { units: svt, remainder: 0 },
        warp: createWarp(),
        runnable: false,
        dispatched: 0,
      });
    },
    remove(vcpu) {
      const entry = entries.get(vcpu);
      if (entry === undefined) return;
      if (current === entry) current = null;
      if (entry.runnable) takeOff(entry);
      entries.delete(vcpu);
    },
    sleep(vcpu, now) {
      const entry = entryOf(vcpu);
      if (entry.runnable) takeOff(entry);
      // The warp of the one that runs ends when its last stretch is charged, by the next `choose`: the limit counts it.
      if (entry !== current) endWarp(entry.warp, now);
    },
    wake,
    adjust(vcpu, changes) {
      const problem = checkParameters(changes);
      if (problem !== null) return problem;
      const entry = entryOf(vcpu);
      entry.parameters = { ...entry.parameters, ...changes };
      entry.avt.remainder = 0;
      adjustWarp(entry.warp, entry.parameters);
      return null;
    },
    parametersOf: (vcpu) => ({ ...entryOf(vcpu).parameters }),
    choose,
    report: (vcpu): VcpuReport => {
      const entry = entryOf(vcpu);
      return {
        avtMcu: entry.avt.units / UNITS_PER_MCU,
        evtMcu: effective(entry) / UNITS_PER_MCU,
        svtMcu: svt / UNITS_PER_MCU,
        weight: entry.parameters.weight,
        warped: entry.warp.active,
      };
    },
  };
};
