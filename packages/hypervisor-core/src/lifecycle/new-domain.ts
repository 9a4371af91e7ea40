import type { CreateDomain } from "@xenolith/domain-interface/control";
import {
  type AddressTranslator,
  frameAddress,
  type MachineMemory,
  toLinearAddress,
  toMachineAddress,
  toMfn,
  toNanoseconds,
} from "@xenolith/machine-interface";
import { ANYWHERE } from "@xenolith/scheduler-interface";
import { type DomId, toVcpuIndex } from "@xenolith/xen-abi";
import { SHARED_INFO, VCPU_INFO_BYTES } from "@xenolith/xen-abi/shared-info";
import { RUNSTATE_offline } from "@xenolith/xen-abi/vcpu";
import type { CpuPool } from "../cpu-pools.ts";
import type { Domain } from "../domain.ts";
import { createGuestMemory } from "../guest-memory.ts";
import { TrapTable } from "../trap-table.ts";
import type { Vcpu } from "../vcpu.ts";

/** What the record of a domain is made with. */
export interface NewDomainParts {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  readonly now: number;
  readonly pool: CpuPool;
  /** Gives each VCPU its number in the scheduler. */
  readonly nextSchedulerId: () => number;
}

/** More than a small integer. */
const WIDE = 2 ** 52;

/**
 * Has the engine that runs us lay out VCPUs for the numbers that these fields come to hold. It lays out objects by what they
 * have held so far, and compiles anew whatever was compiled for a layout that a wider number has made obsolete.
 */
const layOutWide = (vcpu: Vcpu): void => {
  const { infoAddress, cr0, cr2, otherGsBase } = vcpu;
  vcpu.infoAddress = toMachineAddress(WIDE);
  vcpu.cr0 = WIDE;
  vcpu.cr2 = toLinearAddress(WIDE);
  vcpu.otherGsBase = toLinearAddress(WIDE);
  Object.assign(vcpu, { infoAddress, cr0, cr2, otherGsBase });
};

const newVcpu = (domain: Domain, index: number, parts: NewDomainParts): Vcpu => {
  const vcpu: Vcpu = {
    domain,
    index: toVcpuIndex(index),
    schedulerId: parts.nextSchedulerId(),
    executor: null,
    x86: null,
    guestMemory: createGuestMemory({
      memory: parts.memory,
      translator: parts.translator,
      width: domain.width,
      space: () => vcpu.space,
    }),
    isInitialised: false,
    isUp: index === 0,
    isBlocked: false,
    isAwake: false,
    runsOn: null,
    lastCpu: 0,
    ranUntilNs: 0,
    affinity: ANYWHERE,
    runstate: RUNSTATE_offline,
    runstateSince: toNanoseconds(parts.now),
    runstateTimes: [0, 0, 0, 0],
    runstateArea: null,
    cpuNs: 0,
    instructions: 0,
    chargedNs: 0,
    infoAddress: toMachineAddress(0),
    registeredInfoFrame: null,
    nmiPending: false,
    nmiMasked: false,
    traps: new TrapTable(),
    callbacks: { event: null, failsafe: null, syscall: null, syscall32: null, sysenter: null },
    kernelStack: { selector: 0, pointer: 0 },
    cr0: 0,
    cr2: toLinearAddress(0),
    cr4: 0,
    ioPrivilege: 0,
    portBitmap: null,
    space: null,
    pageTableBase: null,
    userPageTableBase: null,
    kernelMode: true,
    otherGsBase: toLinearAddress(0),
    descriptors: null,
    gdtFrames: [],
    gdtEntries: 0,
    ldtBase: toLinearAddress(0),
    ldtEntries: 0,
    descriptorsChanged: false,
    timeArea: null,
    timeUpdatedNs: null,
    periodicTimer: null,
    periodNs: 0,
    periodicLastNs: 0,
    singleshotTimer: null,
    virtualDeadlineNs: null,
    virtualTimer: null,
    pollTimer: null,
  };
  layOutWide(vcpu);
  return vcpu;
};

/** Makes the record of a domain: paused once, without memory; VCPU 0 is up. */
export const newDomain = (id: DomId, options: CreateDomain, parts: NewDomainParts): Domain => {
  // Of the size that it will have: one that grows keeps room for more.
  const vcpus = new Array<Vcpu>(options.vcpus);
  const domain: Domain = {
    id,
    width: options.width,
    privileged: options.privileged,
    hasAlarms: options.alarms === true,
    uuid: String.fromCharCode(...options.uuid),
    maximumPages: options.maximumPages,
    vcpus,
    sharedInfoFrame: toMfn(0),
    eoiFrame: null,
    ownPages: null,
    memoryMap: null,
    assists: 0,
    pool: parts.pool,
    pauseCount: 1,
    shutdownReason: null,
    shutdownCode: null,
    crash: null,
    dying: false,
  };
  for (let index = 0; index < options.vcpus; index++) vcpus[index] = newVcpu(domain, index, parts);
  return domain;
};

/** Places each VCPU's vcpu_info in the domain's shared_info page. */
export const placeVcpuInfo = (domain: Domain): void => {
  const base = frameAddress(domain.sharedInfoFrame) + SHARED_INFO[domain.width].vcpuInfo;
  for (const vcpu of domain.vcpus) vcpu.infoAddress = toMachineAddress(base + vcpu.index * VCPU_INFO_BYTES);
};
