import type { DomainControl } from "@xenolith/domain-interface/control";
import { createEventChannels } from "@xenolith/event-channels";
import type { FrameTable } from "@xenolith/frame-table";
import { createGrantTables, type GrantTables } from "@xenolith/grant-tables";
import type {
  AddressTranslator,
  Clock,
  EntropySource,
  MachineMemory,
  TimerQueue,
} from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import type { MonitoredProcessor } from "@xenolith/x86-architecture";
import { toDomId } from "@xenolith/xen-abi";
import { VIRQ_VIRTUAL_TIMER } from "@xenolith/xen-abi/alarm";
import { VIRQ_DOM_EXC, VIRQ_TIMER } from "@xenolith/xen-abi/xen";
import { createDomainChanges, createDomainControl } from "./control/domain-control.ts";
import { createCpuLoop, type StepLimits, type StepResult } from "./cpu-loop.ts";
import { type CreatePoolScheduler, createCpuPools } from "./cpu-pools.ts";
import { createDelivery } from "./delivery/delivery.ts";
import { createGuestEntry32 } from "./delivery/guest-entry-x86-32.ts";
import { createGuestEntry64 } from "./delivery/guest-entry-x86-64.ts";
import { createModeSwitch } from "./delivery/mode-switch.ts";
import { createGuestTransitions } from "./delivery/transition-gates.ts";
import type { Domain } from "./domain.ts";
import { createDomainList } from "./domain-list.ts";
import { createForcedEmulation } from "./emulation/cpuid.ts";
import { type CpuidModel, createCpuidPolicy } from "./emulation/cpuid-policy.ts";
import { createEmulation } from "./emulation/emulate.ts";
import { createEventHost } from "./events/event-host.ts";
import { createExitHandler } from "./exit-handler.ts";
import type { EmergencyConsole } from "./hypercalls/console-io.ts";
import { createDispatch } from "./hypercalls/dispatch.ts";
import { createHypercalls } from "./hypercalls/hypercalls.ts";
import { createDomainFactory } from "./lifecycle/create-domain.ts";
import { createDomainDestroyer } from "./lifecycle/destroy-domain.ts";
import { createProcessors } from "./lifecycle/processors.ts";
import { createResume } from "./lifecycle/resume-domain.ts";
import { createShutdown } from "./lifecycle/shutdown.ts";
import { createMemorySystem } from "./memory/create.ts";
import { createRealSpeed, createVirtualSpeed } from "./processor-speed.ts";
import { createRunControl } from "./run-control.ts";
import { createLocalClock } from "./time/local-clock.ts";
import { createSystemTime } from "./time/system-time.ts";
import { createVcpuTimers } from "./time/vcpu-timers.ts";
import { createWatchdogs } from "./time/watchdogs.ts";
import { createUpcallState } from "./upcall-state.ts";

/** The parts a hypervisor is made from: the machine, the processor, the clock and the policy. All are the caller's. */
export interface HypervisorParts {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  /** Makes the processors of guests. */
  readonly processor: MonitoredProcessor;
  /** What that processor answers to CPUID by itself; guests see a part of it. */
  readonly processorModel: CpuidModel;
  readonly clock: Clock;
  /** Deadlines of the hypervisor and of others: it fires all of them. */
  readonly timers: TimerQueue;
  readonly entropy: EntropySource;
  /** Physical CPUs, simulated in turn. Default 1. */
  readonly cpuCount?: number;
  /** Makes the scheduler of a pool of CPUs. */
  readonly createPoolScheduler: CreatePoolScheduler;
  readonly trace: TraceSink;
  /** Where console_io of guests goes. */
  readonly console: EmergencyConsole;
  /** Time of one instruction under a virtual clock, in whole nanoseconds. Default 1. */
  readonly instructionNs?: number;
}

/** A hypervisor with its physical CPUs. */
export interface Hypervisor {
  /** All domains, from above. Who holds it is privileged. */
  readonly control: DomainControl;
  /** Fires due timers and runs VCPUs for a while. */
  step(limits: StepLimits): StepResult;
  /** Owner, type and counts of all frames, for checks and dashboards. */
  readonly frames: FrameTable;
  /** Grants in use, for checks and dashboards. */
  readonly grants: Pick<GrantTables, "uses" | "getVersion">;
}

const CONTROL_DOMAIN = toDomId(0);

/** Wires a hypervisor. @throws HostError when the parts do not fit. */
export const createHypervisor = (parts: HypervisorParts): Hypervisor => {
  const { memory: machine, translator, trace, cpuCount = 1 } = parts;
  const local = cpuCount > 1 && parts.clock.mode === "virtual" ? createLocalClock(parts.clock) : null;
  const clock = local ?? parts.clock;
  const pools = createCpuPools(cpuCount, parts.createPoolScheduler);
  const speed =
    clock.mode === "virtual" ? createVirtualSpeed(parts.instructionNs ?? 1) : createRealSpeed(clock);
  const domains = createDomainList();
  const changes = createDomainChanges();
  const upcalls = createUpcallState(machine);
  const memory = createMemorySystem({
    memory: machine,
    translator,
    entropy: parts.entropy.fork("frames"),
    trace,
    findDomain: domains.resolveRemote,
  });
  const grants = createGrantTables(memory.grantHost, { trace });

  const runControl = createRunControl({
    clock,
    cpuCount,
    upcalls,
    trace,
    endPoll(vcpu) {
      vcpuTimers.cancelPollTimeout(vcpu);
      events.endPoll(vcpu.domain.id, vcpu.index);
    },
  });
  const events = createEventChannels(
    createEventHost({ memory: machine, domains, runControl, memoryManager: memory }),
    { trace },
  );
  const vcpuTimers = createVcpuTimers({
    clock,
    timers: parts.timers,
    trace,
    raiseTimer: ({ domain, index }) => events.raiseVirq(domain.id, index, VIRQ_TIMER),
    raiseVirtualTimer: ({ domain, index }) => events.raiseVirq(domain.id, index, VIRQ_VIRTUAL_TIMER),
    executedNs: runControl.executedNs,
    endWait: runControl.unblock,
  });

  const onStopped = (domain: Domain): void => {
    if (domains.resolveRemote(CONTROL_DOMAIN) !== null) events.raiseGlobalVirq(CONTROL_DOMAIN, VIRQ_DOM_EXC);
    changes.announce(domain, "shutdown");
  };
  const shutdown = createShutdown({ runControl, trace, onStopped });
  const watchdogs = createWatchdogs({
    clock,
    timers: parts.timers,
    onExpired: (domain) => shutdown.shutdown(domain, "watchdog"),
  });
  const systemTime = createSystemTime(machine, clock);
  const processors = createProcessors({
    processor: parts.processor,
    memory,
    timestamp: (retired) => cpuLoop.timestamp(retired),
  });

  const switchMode = createModeSwitch(memory);
  const guestEntry32 = createGuestEntry32(upcalls);
  const delivery = createDelivery({
    upcalls,
    crash: shutdown.crash,
    trace,
    entries: {
      x86_32: guestEntry32,
      x86_32p: guestEntry32,
      x86_64: createGuestEntry64(upcalls, switchMode),
    },
  });
  const isInterrupted: Parameters<typeof createDispatch>[1] = (vcpu) =>
    upcalls.isDeliverable(vcpu) || !vcpu.isAwake || runControl.active.reconsiderAt <= clock.now();
  const table = createHypercalls({
    machine,
    clock,
    domains,
    memory,
    events,
    grants,
    upcalls,
    runControl,
    shutdown,
    delivery,
    switchMode,
    processors,
    systemTime,
    timers: vcpuTimers,
    watchdogs,
    console: parts.console,
    isInterrupted,
  });
  const cpuidPolicy = createCpuidPolicy(parts.processorModel);
  const handleExit = createExitHandler({
    memory,
    delivery,
    runControl,
    crash: shutdown.crash,
    dispatch: createDispatch(table, isInterrupted, trace),
    emulate: createEmulation({
      cpuidPolicy,
      memory,
      upcalls,
      trace,
      timestamp: clock.now,
      writeHypercallPage: (domain, frame) => control.writeHypercallPage(domain.id, frame),
    }),
    emulateForced: createForcedEmulation(cpuidPolicy),
  });
  const cpuLoop = createCpuLoop({
    clock,
    local,
    timers: parts.timers,
    pools,
    runControl,
    memory,
    delivery,
    transitions: createGuestTransitions({ memory, upcalls, trace, speed, cpuidPolicy }),
    handleExit,
    crash: shutdown.crash,
    vcpuTimers,
    systemTime,
    speed,
    trace,
  });

  const destroyer = createDomainDestroyer({
    trace,
    domains,
    memory,
    events,
    grants,
    runControl,
    timers: vcpuTimers,
    watchdogs,
    onChange: changes.announce,
  });
  const createRecord = createDomainFactory({
    machine,
    translator,
    clock,
    trace,
    domains,
    memory,
    events,
    grants,
    upcalls,
    runControl,
    pools,
  });
  const control = createDomainControl({
    machine,
    clock,
    domains,
    memory,
    events,
    grants,
    timers: vcpuTimers,
    runControl,
    shutdown,
    pools,
    recall: cpuLoop.recall,
    processors,
    createRecord,
    destroyer,
    resume: createResume({
      memory,
      runControl,
      onResumed: (domain) => changes.announce(domain, "resumed"),
    }),
    changes,
  });

  return {
    control,
    frames: memory.frames,
    grants,
    step(limits) {
      destroyer.reap();
      return cpuLoop.step(limits);
    },
  };
};
