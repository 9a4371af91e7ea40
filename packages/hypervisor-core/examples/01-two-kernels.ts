import { createHypervisor } from "@xenolith/hypervisor-core";
import { createEntropy, createMachineMemory, createTimerQueue, createVirtualClock } from "@xenolith/machine";
import { EXIT, type Executor } from "@xenolith/machine-interface";
import { createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { onOneCpu, type Scheduler, type VcpuId } from "@xenolith/scheduler-interface";
import { silentTrace } from "@xenolith/trace";
import { toDomId, toPort, toVcpuIndex } from "@xenolith/xen-abi";

/** A policy in a few lines: whoever has waited longest runs for a microsecond. */
const createQueue = (): Scheduler => {
  const ready: VcpuId[] = [];
  return {
    name: "queue",
    parameters: [],
    admit: () => {},
    remove: () => {},
    sleep: (vcpu) => void ready.splice(ready.indexOf(vcpu), 1),
    wake: (vcpu, now) => (ready.push(vcpu) === 1 ? now : Number.POSITIVE_INFINITY),
    adjust: () => null,
    parametersOf: () => ({}),
    choose: () => {
      ready.push(...ready.splice(0, 1));
      return { vcpu: ready[0] ?? null, sliceNs: ready.length > 0 ? 1000 : Number.POSITIVE_INFINITY };
    },
    report: () => ({}),
  };
};

const memory = createMachineMemory({ ramBytes: 1 << 20, reserveBytes: 1 << 20 });
const clock = createVirtualClock({ seconds: 0, nanoseconds: 0 });
const { control, step } = createHypervisor({
  memory,
  translator: createIdentityTranslator(memory),
  processor: {
    forgetCode: () => {},
    createVcpu: () => {
      throw new Error("no machine code today");
    },
  },
  processorModel: () => [0, 0, 0, 0],
  clock,
  timers: createTimerQueue(),
  entropy: createEntropy(1),
  createPoolScheduler: () => onOneCpu(createQueue()),
  trace: silentTrace,
  console: { write: () => {}, read: () => new Uint8Array(0) },
});

/** Starts a domain whose kernel is a function: called for each batch of events, it costs 100 ns a time. */
const startKernel = (name: string, onEvents: (ports: readonly number[]) => void) => {
  const options = { vcpus: 1, maximumPages: 4, privileged: false, scheduling: {}, uuid: new Uint8Array(16) };
  const id = toDomId(control.create({ ...options, id: null, width: "x86_32p" }));
  const services = control.inside(id);
  const exit = { kind: EXIT.halt, retired: 100, vector: 0, errorCode: -1, address: 0, software: false };
  const executor: Executor = {
    run: () => {
      const ports = services.takePending();
      console.log(`${clock.now()} ns: ${name} has ports`, ports);
      onEvents(ports);
      return exit;
    },
  };
  control.attachExecutor(id, toVcpuIndex(0), executor);
  return { id, services, start: () => control.unpause(id) };
};

let rallies = 4;
const ping = startKernel("ping", (ports) => {
  if (rallies-- > 0) for (const port of ports) ping.services.send(toPort(port));
});
const pong = startKernel("pong", (ports) => {
  for (const port of ports) pong.services.send(toPort(port));
});
// The new port of an interdomain channel begins pending: pong serves.
const ours = ping.services.allocateUnbound(pong.id);
pong.services.bindInterdomain(ping.id, toPort(ours));
ping.start();
pong.start();
while (step({ workNs: 100_000, untilNs: 2000 }).kind === "ran" && clock.now() < 2000);
for (const { id, state, cpuNs } of control.list()) console.log(`domain ${id}: ${state} after ${cpuNs} ns`);
