import type { Port, VcpuIndex } from "@xenolith/xen-abi";
import { allocUnbound, bindInterdomain, bindIpi, bindPirq, bindVirq } from "./bind.ts";
import { closeAllPorts, closePort, resetPorts } from "./close.ts";
import { createEventContext } from "./event-context.ts";
import { expandFifoArray, initFifoControl } from "./fifo-setup.ts";
import { beginPoll, endPoll } from "./poll.ts";
import { bindPortToVcpu, portStatus, setPortPriority, unmaskPort } from "./port-settings.ts";
import { raiseVirq, sendEvent } from "./send.ts";
import type { EventChannelOptions, EventChannels, EventHost } from "./types.ts";

/** Makes the event channels of a hypervisor. */
export const createEventChannels = (host: EventHost, options: EventChannelOptions = {}): EventChannels => {
  const context = createEventContext(host, options);
  const { known } = context;
  return {
    addDomain: context.add,
    removeDomain: (domain) => {
      const dying = known(domain);
      closeAllPorts(context, dying);
      context.remove(domain);
    },
    allocUnbound: (caller, domain, remote) => allocUnbound(context, known(caller), domain, remote),
    bindInterdomain: (caller, remote, remotePort) =>
      bindInterdomain(context, known(caller), remote, remotePort),
    bindVirq: (caller, virq, vcpu) => bindVirq(known(caller), virq, vcpu),
    bindIpi: (caller, vcpu) => bindIpi(known(caller), vcpu),
    bindPirq: (_caller, pirq) => bindPirq(pirq),
    close: (caller, port) => closePort(context, known(caller), port),
    send: (caller, port) => sendEvent(context, known(caller), port),
    status: (caller, domain, port) => portStatus(context, known(caller), domain, port),
    bindVcpu: (caller, port, vcpu) => bindPortToVcpu(known(caller), port, vcpu),
    unmask: (caller, port) => unmaskPort(known(caller), port),
    reset: (caller, domain, resumes, shouldStop) =>
      resetPorts(context, known(caller), domain, resumes, shouldStop),
    initControl: (caller, request) => initFifoControl(context, known(caller), request),
    expandArray: (caller, frame) => expandFifoArray(context, known(caller), frame),
    setPriority: (caller, port, priority) => setPortPriority(known(caller), port, priority),
    raiseVirq: (domain, vcpu, virq) => raiseVirq(context, known(domain), vcpu, virq),
    raiseGlobalVirq: (domain, virq) => raiseVirq(context, known(domain), 0 as VcpuIndex, virq),
    beginPoll: (domain, vcpu, ports) => beginPoll(known(domain), vcpu, ports),
    endPoll: (domain, vcpu) => endPoll(known(domain), vcpu),
    isPolling: (domain, vcpu) => known(domain).polling?.has(vcpu) === true,
    takePending: (domain, vcpu) => known(domain).delivery.take(vcpu) as Port[],
  };
};
