import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain, EventPorts, Timers } from "@xenolith/domain-interface";
import type { DomainServices } from "@xenolith/domain-interface/control";
import {
  EXIT,
  type Executor,
  type Exit,
  type ExitKind,
  type Nanoseconds,
  toNanoseconds,
} from "@xenolith/machine-interface";
import type { Port } from "@xenolith/xen-abi";
import { defaultKernelCosts, type KernelCosts } from "./costs.ts";
import type { Kernel } from "./kernel.ts";
import { createGrants } from "./own-grants.ts";
import { createPrintingConsole } from "./printer.ts";
import { TimerList } from "./timer-list.ts";

/** What a kernel's domain is wired with. */
export interface KernelWiring {
  readonly kernel: Kernel;
  /** The domain's hypercalls. */
  readonly services: DomainServices;
  /** Makes the kernel's xenstore connection and console, once its event ports work. */
  readonly connect: (events: EventPorts) => { readonly store: ByteStream; readonly console: ByteStream };
  readonly commandLine: string;
  readonly costs?: KernelCosts;
  /** Told what a kernel threw. Its domain ends as a crash. */
  readonly onFailure: (error: unknown) => void;
}

/** An executor whose "instructions" are nanoseconds of modelled cost. */
export interface KernelExecutor extends Executor {
  /** The domain from inside, for parts that are added to a running kernel (back ends for a new domain). */
  readonly domain: Domain;
}

/**
 * Makes the executor of a TypeScript kernel. Each run handles events and due timers one at a time until its budget of
 * modelled nanoseconds is spent, and halts when there is nothing left; what a handler costs beyond the budget is owed by
 * the next runs.
 */
export const createKernelExecutor = (wiring: KernelWiring): KernelExecutor => {
  const { services, kernel } = wiring;
  const costs = wiring.costs ?? defaultKernelCosts;
  const listeners = new Map<Port, () => void>();
  const timerList = new TimerList();
  /** Alarms of virtual time. Nobody has to wake the kernel for those to come: it is executing when they are due. */
  const executedList = new TimerList();
  const waiting: Port[] = [];
  let started = false;
  let running = false;
  let spentNs = 0;
  let owedNs = 0;

  const events: EventPorts = {
    allocateUnbound: (remote) => services.allocateUnbound(remote),
    bindInterdomain: (remote, remotePort) => services.bindInterdomain(remote, remotePort),
    bindVirq: (virq) => services.bindVirq(virq),
    close: (port) => {
      listeners.delete(port);
      return services.close(port);
    },
    notify: (port) => services.send(port),
    listen: (port, listener) => {
      if (listener === null) listeners.delete(port);
      else listeners.set(port, listener);
    },
  };
  /** What has been charged and not yet spent on a processor is as good as executed. */
  const executed = (): Nanoseconds => toNanoseconds(services.executed() + owedNs + spentNs);
  /** Tells the hypervisor when to wake the kernel. Runs do so at their end; parts called from outside need it at once. */
  const armTimer = (): void => {
    const isDue = (executedList.next() ?? Number.POSITIVE_INFINITY) <= executed();
    const next = isDue ? services.now() : timerList.next();
    services.setTimer(next === null ? null : toNanoseconds(next));
  };
  const timers: Timers = {
    now: () => toNanoseconds(services.now() + spentNs),
    at: (deadlineNs, handler) => {
      const cancel = timerList.add(deadlineNs, handler);
      if (!running) armTimer();
      return cancel;
    },
    executed,
    atExecuted: (deadlineNs, handler) => {
      const cancel = executedList.add(deadlineNs, handler);
      if (!running) armTimer();
      return cancel;
    },
  };
  const charge = (costNs: Nanoseconds): void => {
    spentNs += costNs;
  };
  const { store, console: ring } = wiring.connect(events);
  const console = createPrintingConsole(ring);
  const domain: Domain = { id: services.id, events, grants: createGrants(services), timers, store, charge };

  const start = (): void => {
    started = true;
    spentNs += costs.startNs;
    kernel.start({
      domain,
      console: console.stream,
      commandLine: wiring.commandLine,
      print: console.print,
      shutdown: (reason) => services.shutdown(reason),
    });
  };

  /** Does one piece of work. @returns false when there was none. */
  const workOnce = (): boolean => {
    if (!started) {
      start();
      return true;
    }
    if (waiting.length === 0) waiting.push(...services.takePending());
    const port = waiting.shift();
    if (port !== undefined) {
      spentNs += costs.eventNs;
      listeners.get(port)?.();
      return true;
    }
    const alarm = timerList.takeDue(timers.now()) ?? executedList.takeDue(executed());
    if (alarm === null) return false;
    spentNs += costs.timerNs;
    alarm();
    return true;
  };

  const exit: Exit = { kind: EXIT.halt, retired: 0, vector: 0, errorCode: -1, address: 0, software: false };
  const leave = (kind: ExitKind, budget: number): Exit => {
    const usedNs = owedNs + spentNs;
    exit.retired = Math.min(usedNs, budget);
    owedNs = usedNs - exit.retired;
    exit.kind = owedNs > 0 && kind === EXIT.halt ? EXIT.budget : kind;
    spentNs = 0;
    return exit;
  };

  const run = (budget: number): Exit => {
    running = true;
    try {
      while (owedNs + spentNs < budget) {
        if (workOnce()) continue;
        armTimer();
        return leave(EXIT.halt, budget);
      }
      return leave(EXIT.budget, budget);
    } catch (error) {
      wiring.onFailure(error);
      services.shutdown("crash");
      return leave(EXIT.shutdown, budget);
    } finally {
      running = false;
    }
  };

  return { run, domain };
};
