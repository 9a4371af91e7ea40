import { type EventChannels, type PortStatus, RESET_UNFINISHED } from "@xenolith/event-channels";
import { toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, ENOSYS, type Port, toPort, toVcpuIndex } from "@xenolith/xen-abi";
import {
  EVTCHN_ALLOC_UNBOUND,
  EVTCHN_BIND_INTERDOMAIN,
  EVTCHN_BIND_IPI,
  EVTCHN_BIND_PIRQ,
  EVTCHN_BIND_VCPU,
  EVTCHN_BIND_VIRQ,
  EVTCHN_EXPAND_ARRAY,
  EVTCHN_FIFO_LINK_BITS,
  EVTCHN_INIT_CONTROL,
  EVTCHN_OP_COMPAT_ARGUMENT_OFFSET,
  EVTCHN_PORT,
  EVTCHN_RESET,
  EVTCHN_SET_PRIORITY,
  EVTCHN_STATUS,
  EVTCHNOP_alloc_unbound,
  EVTCHNOP_bind_interdomain,
  EVTCHNOP_bind_ipi,
  EVTCHNOP_bind_pirq,
  EVTCHNOP_bind_vcpu,
  EVTCHNOP_bind_virq,
  EVTCHNOP_close,
  EVTCHNOP_expand_array,
  EVTCHNOP_init_control,
  EVTCHNOP_reset,
  EVTCHNOP_reset_cont,
  EVTCHNOP_send,
  EVTCHNOP_set_priority,
  EVTCHNOP_status,
  EVTCHNOP_unmask,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_unbound,
  EVTCHNSTAT_virq,
  type EvtchnStatus,
} from "@xenolith/xen-abi/event-channel";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_event_channel_op, __HYPERVISOR_event_channel_op_compat } from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext, HypercallResult } from "./context.ts";

/** Charged for each piece of a reset. */
const RESET_COST = toNanoseconds(2000);

/** Carries one sub-operation out on the structure at a guest address. */
type Operation = (call: HypercallContext, at: number) => HypercallResult;

/** Decodes an argument, carries the operation out, and writes back the fields it answers with. */
const operation =
  <Fields extends object>(
    type: Struct<Fields>,
    act: (call: HypercallContext, request: Fields) => number | Partial<Fields>,
  ): Operation =>
  (call, at) => {
    const { guest, width } = call;
    const view = guest.read(at, type.size(width));
    if (view === null) return -EFAULT;
    const answer = act(call, type.read(view, 0, width));
    if (typeof answer === "number") return answer;
    type.update(view, 0, width, answer);
    return guest.write(at, view) ? 0 : -EFAULT;
  };

/** An answer that is a port on success. */
const portAnswer = <Field extends string>(result: number, field: Field): number | Record<Field, Port> =>
  result < 0 ? result : ({ [field]: toPort(result) } as Record<Field, Port>);

/** What the guest is told of a port: only the fields that its state has. A domain is half a word; the other half stays. */
const statusAnswer = (
  { status, vcpu, source, remotePort }: PortStatus,
  given: number,
): Partial<EvtchnStatus> => {
  switch (status) {
    case EVTCHNSTAT_unbound:
      return { status, vcpu, source: ((given & 0xffff_0000) | source) >>> 0 };
    case EVTCHNSTAT_interdomain:
      return { status, vcpu, source: ((given & 0xffff_0000) | source) >>> 0, remotePort };
    case EVTCHNSTAT_virq:
      return { status, vcpu, source };
    default:
      return { status, vcpu };
  }
};

/** A reset closes ports piece by piece: the guest is made to call again with a command of its own for it. */
const resetOperation =
  (events: EventChannels, resumes: boolean): Operation =>
  (call, at) => {
    const view = call.guest.read(at, EVTCHN_RESET.size(call.width));
    if (view === null) return -EFAULT;
    const { dom } = EVTCHN_RESET.read(view, 0, call.width);
    const result = events.reset(call.domain.id, dom, resumes, () => {
      call.charge(RESET_COST);
      return call.shouldPreempt();
    });
    return result === RESET_UNFINISHED ? call.restart([EVTCHNOP_reset_cont]) : result;
  };

const operationsOf = (events: EventChannels): ReadonlyMap<number, Operation> =>
  new Map<number, Operation>([
    [
      EVTCHNOP_alloc_unbound,
      operation(EVTCHN_ALLOC_UNBOUND, ({ domain }, request) =>
        portAnswer(events.allocUnbound(domain.id, request.dom, request.remoteDom), "port"),
      ),
    ],
    [
      EVTCHNOP_bind_interdomain,
      operation(EVTCHN_BIND_INTERDOMAIN, ({ domain }, request) =>
        portAnswer(events.bindInterdomain(domain.id, request.remoteDom, request.remotePort), "localPort"),
      ),
    ],
    [
      EVTCHNOP_bind_virq,
      operation(EVTCHN_BIND_VIRQ, ({ domain }, request) =>
        portAnswer(events.bindVirq(domain.id, request.virq, request.vcpu), "port"),
      ),
    ],
    [
      EVTCHNOP_bind_ipi,
      operation(EVTCHN_BIND_IPI, ({ domain }, request) =>
        portAnswer(events.bindIpi(domain.id, request.vcpu), "port"),
      ),
    ],
    [
      EVTCHNOP_bind_pirq,
      operation(EVTCHN_BIND_PIRQ, ({ domain }, request) =>
        portAnswer(events.bindPirq(domain.id, request.pirq), "port"),
      ),
    ],
    [EVTCHNOP_close, operation(EVTCHN_PORT, ({ domain }, request) => events.close(domain.id, request.port))],
    [EVTCHNOP_send, operation(EVTCHN_PORT, ({ domain }, request) => events.send(domain.id, request.port))],
    [
      EVTCHNOP_status,
      operation(EVTCHN_STATUS, ({ domain }, request) => {
        const found = events.status(domain.id, request.dom, request.port);
        return typeof found === "number" ? found : statusAnswer(found, request.source);
      }),
    ],
    [
      EVTCHNOP_bind_vcpu,
      operation(EVTCHN_BIND_VCPU, ({ domain }, request) =>
        events.bindVcpu(domain.id, request.port, toVcpuIndex(request.vcpu)),
      ),
    ],
    [
      EVTCHNOP_unmask,
      operation(EVTCHN_PORT, ({ domain }, request) => events.unmask(domain.id, request.port)),
    ],
    [EVTCHNOP_reset, resetOperation(events, false)],
    [EVTCHNOP_reset_cont, resetOperation(events, true)],
    [
      EVTCHNOP_init_control,
      operation(EVTCHN_INIT_CONTROL, ({ domain }, request) => {
        const result = events.initControl(domain.id, request);
        return result < 0 ? result : { linkBits: EVTCHN_FIFO_LINK_BITS };
      }),
    ],
    [
      EVTCHNOP_expand_array,
      operation(EVTCHN_EXPAND_ARRAY, ({ domain }, { arrayGfn }) => events.expandArray(domain.id, arrayGfn)),
    ],
    [
      EVTCHNOP_set_priority,
      operation(EVTCHN_SET_PRIORITY, ({ domain }, { port, priority }) =>
        events.setPriority(domain.id, port, priority),
      ),
    ],
  ]);

/** event_channel_op(command, argument). [XEN event_channel.h] */
export const createEventChannelOp = (events: EventChannels): Hypercall => {
  const operations = operationsOf(events);
  return {
    number: __HYPERVISOR_event_channel_op,
    handle: (call) => operations.get(call.argument32(0))?.(call, call.argument(1)) ?? -ENOSYS,
  };
};

/** event_channel_op_compat(operation): the command at the beginning of the structure. [XEN event_channel.h] */
export const createEventChannelOpCompat = (events: EventChannels): Hypercall => {
  const operations = operationsOf(events);
  return {
    number: __HYPERVISOR_event_channel_op_compat,
    handle(call) {
      const at = call.argument(0);
      const command = call.guest.readUint32(at);
      if (command === null) return -EFAULT;
      // The older call knows what there was when it was replaced: nothing after EVTCHNOP_unmask.
      if (command > EVTCHNOP_unmask) return -ENOSYS;
      return operations.get(command)?.(call, at + EVTCHN_OP_COMPAT_ARGUMENT_OFFSET) ?? -ENOSYS;
    },
  };
};
