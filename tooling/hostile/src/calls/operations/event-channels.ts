import { toPort } from "@xenolith/xen-abi";
import { VIRQ_VIRTUAL_TIMER } from "@xenolith/xen-abi/alarm";
import * as evtchn from "@xenolith/xen-abi/event-channel";
import type { Struct } from "@xenolith/xen-abi/struct";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_event_channel_op_compat,
  __HYPERVISOR_multicall,
  DOMID_SELF,
  MULTICALL_ENTRY,
  NR_VIRQS,
  VIRQ_TIMER,
} from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import {
  type AttackOperation,
  after,
  BAD_POINTER,
  call,
  failing,
  NO_DOMAIN,
  NOT_PRIVILEGED,
  refused,
} from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";
import { badPort, fifoOperations } from "./event-queues.ts";

/** How a structure is handed over: command in a register, or in front of the structure. */
type Form = "op" | "compat";

const NUMBER = { op: __HYPERVISOR_event_channel_op, compat: __HYPERVISOR_event_channel_op_compat } as const;
/** Ports that a domain may have, whatever its ABI has room for. */
const PORTS = 1024;
const MULTICALL_BATCH = 128;

interface Made extends Call {
  /** Where the structure lies. */
  readonly at: number;
}

const make = <Fields extends object>(
  form: Form,
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Made => {
  if (form === "op") {
    const at = world.arena.putStruct(type, fields);
    return { ...call(NUMBER.op, command, at), at };
  }
  const bytes = new Uint8Array(evtchn.EVTCHN_OP_COMPAT_ARGUMENT_OFFSET + type.size(world.width));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, command, true);
  type.write(view, evtchn.EVTCHN_OP_COMPAT_ARGUMENT_OFFSET, world.width, fields);
  const at = world.arena.put(bytes);
  return { ...call(NUMBER.compat, at), at: at + evtchn.EVTCHN_OP_COMPAT_ARGUMENT_OFFSET };
};

const isOkay = (result: number): boolean => result < 0xffff_f000;

type Kind = "unbound" | "interdomain" | "virq" | "ipi";

/** Keeps a port that a call has allocated; `field` is its place in the structure. */
const keeping =
  (world: World, made: Made, field: number, kind: Kind): ((result: number) => void) =>
  (result) => {
    if (isOkay(result)) world.ports.set(world.arena.readUint32(made.at + field), kind);
  };

const portOf = (world: World, ...kinds: readonly Kind[]): number | null => {
  const known = [...world.ports].filter(([, kind]) => kinds.includes(kind)).map(([port]) => port);
  return known.length === 0 ? null : world.draw.pick(known);
};

const anyPort = (world: World): number =>
  world.ports.size > 0 && !world.draw.chance(4)
    ? world.draw.pick([...world.ports.keys()])
    : 1 + world.draw.below(120);

/** Allocates ports until there is none left. */
const exhaust = (world: World): Call[] => {
  const at = world.arena.putStruct(evtchn.EVTCHN_ALLOC_UNBOUND, {
    dom: DOMID_SELF,
    remoteDom: DOMID_SELF,
    port: toPort(0),
  });
  const size = MULTICALL_ENTRY.size(world.width);
  const bytes = new Uint8Array(size * MULTICALL_BATCH);
  for (let index = 0; index < MULTICALL_BATCH; index++)
    MULTICALL_ENTRY.write(new DataView(bytes.buffer), index * size, world.width, {
      op: __HYPERVISOR_event_channel_op,
      result: 0,
      args: [evtchn.EVTCHNOP_alloc_unbound, at, 0, 0, 0, 0],
    });
  const entries = world.arena.put(bytes);
  return Array.from({ length: PORTS / MULTICALL_BATCH }, () =>
    call(__HYPERVISOR_multicall, entries, MULTICALL_BATCH),
  );
};

/** Every operation may be refused for its pointer; in the older form the command is read through it too. */
const badPointer = (form: Form, command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) =>
    form === "op"
      ? call(NUMBER.op, command, world.badAddress())
      : call(NUMBER.compat, world.draw.chance(2) ? world.badAddress() : world.lastWord(command)),
  );

const noSpace = (plan: (world: World) => Plan): ErrorCase<World> => ({
  ...failing("all ports are taken", (world) => after([exhaust(world)], plan(world))),
  rare: true,
});

const allocUnbound = (form: Form): AttackOperation => {
  const plan = (world: World, dom: number, remoteDom: number): Made =>
    make(form, world, evtchn.EVTCHNOP_alloc_unbound, evtchn.EVTCHN_ALLOC_UNBOUND, {
      dom: dom as never,
      remoteDom: remoteDom as never,
      port: toPort(0),
    });
  const good = (world: World): Call => {
    const made = plan(
      world,
      world.draw.chance(2) ? DOMID_SELF : world.self,
      world.draw.pick([DOMID_SELF, world.self, 0, world.otherDomain()]),
    );
    return { ...made, after: keeping(world, made, 4, "unbound") };
  };
  return {
    name: name(form, "alloc_unbound"),
    succeeds: good,
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_alloc_unbound),
      ESRCH: failing(NO_DOMAIN, (world) => plan(world, world.absentDomain(), 0)),
      EPERM: failing(NOT_PRIVILEGED, (world) => plan(world, world.otherDomain(), world.self)),
      ENOSPC: noSpace(good),
    },
  };
};

const bindInterdomain = (form: Form): AttackOperation => {
  const plan = (world: World, remoteDom: number, remotePort: number): Call => {
    const made = make(form, world, evtchn.EVTCHNOP_bind_interdomain, evtchn.EVTCHN_BIND_INTERDOMAIN, {
      remoteDom: remoteDom as never,
      remotePort: toPort(remotePort),
      localPort: toPort(0),
    });
    return { ...made, after: keeping(world, made, 8, "interdomain") };
  };
  const good = (world: World): Plan => {
    const offered = world.offers.ports();
    if (offered.length > 0 && world.draw.chance(2))
      return plan(world, world.offers.domain, world.draw.pick(offered));
    const made = make("op", world, evtchn.EVTCHNOP_alloc_unbound, evtchn.EVTCHN_ALLOC_UNBOUND, {
      dom: DOMID_SELF,
      remoteDom: DOMID_SELF,
      port: toPort(0),
    });
    const bind = make(form, world, evtchn.EVTCHNOP_bind_interdomain, evtchn.EVTCHN_BIND_INTERDOMAIN, {
      remoteDom: world.draw.chance(2) ? DOMID_SELF : world.self,
      remotePort: toPort(0),
      localPort: toPort(0),
    });
    const allocate: Call = {
      ...made,
      after: (result) => {
        if (!isOkay(result)) return;
        const port = world.arena.readUint32(made.at + 4);
        world.arena.write(bind.at + 4, port);
        world.ports.set(port, "interdomain");
      },
    };
    return [allocate, { ...bind, after: keeping(world, bind, 8, "interdomain") }];
  };
  return {
    name: name(form, "bind_interdomain"),
    succeeds: good,
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_bind_interdomain),
      ESRCH: failing(NO_DOMAIN, (world) => plan(world, world.absentDomain(), 1)),
      EINVAL: failing("the port is not unbound, or not meant for the caller", (world) =>
        plan(
          world,
          world.draw.pick([world.otherDomain(), 0, DOMID_SELF]),
          world.draw.chance(2) ? 0 : badPort(world),
        ),
      ),
      ENOSPC: noSpace((world) => plan(world, DOMID_SELF, 1)),
    },
  };
};

const bindVirq = (form: Form): AttackOperation => {
  const plan = (world: World, virq: number, vcpu: number): Call => {
    const made = make(form, world, evtchn.EVTCHNOP_bind_virq, evtchn.EVTCHN_BIND_VIRQ, {
      virq,
      vcpu,
      port: toPort(0),
    });
    return { ...made, after: keeping(world, made, 8, "virq") };
  };
  // Among VIRQs that are not bound yet, those that each VCPU has for itself leave the most room.
  const good = (world: World): Plan => {
    const port = portOf(world, "virq");
    const perVcpu = world.draw.chance(2);
    const virq = perVcpu ? world.draw.pick([0, 1, 7, 13, VIRQ_VIRTUAL_TIMER]) : world.draw.below(NR_VIRQS);
    const bind = plan(world, virq, perVcpu ? world.draw.below(world.vcpus) : 0);
    return port === null || world.draw.chance(3) ? bind : [close("op", world, port), bind];
  };
  return {
    name: name(form, "bind_virq"),
    succeeds: good,
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_bind_virq),
      EINVAL: failing("there is no such VIRQ, or it is bound through VCPU 0 only", (world) =>
        world.draw.chance(2)
          ? plan(world, NR_VIRQS + world.draw.below(100), 0)
          : plan(world, 3, 1 + world.draw.below(4)),
      ),
      ENOENT: failing("there is no such VCPU", (world) =>
        plan(world, VIRQ_TIMER, world.draw.pick([world.vcpus, 32, 0x8000_0000, 0xffff_ffff])),
      ),
      EEXIST: failing("the VIRQ is bound already", (world) => [
        plan(world, VIRQ_TIMER, 0),
        plan(world, VIRQ_TIMER, 0),
      ]),
      ENOSPC: noSpace((world) => [
        close("op", world, portOf(world, "virq") ?? 1),
        plan(world, 1, 0),
        plan(world, 7, 0),
      ]),
    },
  };
};

const bindIpi = (form: Form): AttackOperation => {
  const plan = (world: World, vcpu: number): Call => {
    const made = make(form, world, evtchn.EVTCHNOP_bind_ipi, evtchn.EVTCHN_BIND_IPI, {
      vcpu,
      port: toPort(0),
    });
    return { ...made, after: keeping(world, made, 4, "ipi") };
  };
  const good = (world: World): Plan => plan(world, world.draw.below(world.vcpus));
  return {
    name: name(form, "bind_ipi"),
    succeeds: good,
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_bind_ipi),
      ENOENT: failing("there is no such VCPU", (world) =>
        plan(world, world.draw.pick([world.vcpus, 32, 0x8000_0000, 0xffff_ffff])),
      ),
      ENOSPC: noSpace(good),
    },
  };
};

const bindPirq = (form: Form): AttackOperation => {
  const plan = (world: World, pirq: number): Call =>
    make(form, world, evtchn.EVTCHNOP_bind_pirq, evtchn.EVTCHN_BIND_PIRQ, {
      pirq,
      flags: 0,
      port: toPort(0),
    });
  return refused(name(form, "bind_pirq"), "nobody has the right to a physical interrupt", {
    EFAULT: badPointer(form, evtchn.EVTCHNOP_bind_pirq),
    EPERM: failing("the domain has no right to the interrupt", (world) => plan(world, world.draw.below(48))),
    EINVAL: failing("there is no such interrupt", (world) => plan(world, 48 + (world.draw.next32() % 1000))),
  });
};

const onPort = (form: Form, world: World, command: number, port: number): Made =>
  make(form, world, command, evtchn.EVTCHN_PORT, { port: toPort(port) });

const close = (form: Form, world: World, port: number): Call => ({
  ...onPort(form, world, evtchn.EVTCHNOP_close, port),
  after: (result) => {
    if (isOkay(result)) world.ports.delete(port);
  },
});

const closing = (form: Form): AttackOperation => ({
  name: name(form, "close"),
  succeeds(world) {
    const port = portOf(world, "unbound", "interdomain", "virq", "ipi");
    return port === null ? null : close(form, world, port);
  },
  errors: {
    EFAULT: badPointer(form, evtchn.EVTCHNOP_close),
    EINVAL: failing("the port is not in use", (world) =>
      close(form, world, world.draw.chance(2) ? 0 : badPort(world)),
    ),
  },
});

const sending = (form: Form): AttackOperation => ({
  name: name(form, "send"),
  succeeds(world) {
    const port = portOf(world, "unbound", "interdomain", "ipi");
    return port === null ? null : onPort(form, world, evtchn.EVTCHNOP_send, port);
  },
  errors: {
    EFAULT: badPointer(form, evtchn.EVTCHNOP_send),
    EINVAL: failing("the port cannot send", (world) =>
      onPort(
        form,
        world,
        evtchn.EVTCHNOP_send,
        world.draw.chance(2) ? (portOf(world, "virq") ?? 0) : badPort(world),
      ),
    ),
  },
});

const status = (form: Form): AttackOperation => {
  const plan = (world: World, dom: number, port: number): Call =>
    make(form, world, evtchn.EVTCHNOP_status, evtchn.EVTCHN_STATUS, {
      dom: dom as never,
      port: toPort(port),
      status: 0,
      vcpu: 0,
      source: 0,
      remotePort: toPort(0),
    });
  return {
    name: name(form, "status"),
    succeeds: (world) => plan(world, world.draw.chance(2) ? DOMID_SELF : world.self, anyPort(world) % 120),
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_status),
      ESRCH: failing(NO_DOMAIN, (world) => plan(world, world.absentDomain(), 1)),
      EINVAL: failing("there is no such port", (world) => plan(world, DOMID_SELF, badPort(world))),
      EPERM: failing(NOT_PRIVILEGED, (world) => plan(world, world.otherDomain(), 1)),
    },
  };
};

const bindVcpu = (form: Form): AttackOperation => {
  const plan = (world: World, port: number, vcpu: number): Call =>
    make(form, world, evtchn.EVTCHNOP_bind_vcpu, evtchn.EVTCHN_BIND_VCPU, { port: toPort(port), vcpu });
  return {
    name: name(form, "bind_vcpu"),
    succeeds(world) {
      const port = portOf(world, "unbound", "interdomain");
      return port === null ? null : plan(world, port, world.draw.below(world.vcpus));
    },
    errors: {
      EFAULT: badPointer(form, evtchn.EVTCHNOP_bind_vcpu),
      ENOENT: failing("there is no such VCPU", (world) =>
        plan(world, anyPort(world), world.draw.pick([world.vcpus, 32, 0xffff_ffff])),
      ),
      EINVAL: failing("the port is not in use, or its events cannot go elsewhere", (world) =>
        plan(world, world.draw.chance(2) ? (portOf(world, "ipi") ?? 0) : badPort(world), 0),
      ),
    },
  };
};

const unmask = (form: Form): AttackOperation => ({
  name: name(form, "unmask"),
  succeeds: (world) => onPort(form, world, evtchn.EVTCHNOP_unmask, anyPort(world) % 128),
  errors: {
    EFAULT: badPointer(form, evtchn.EVTCHNOP_unmask),
    EINVAL: failing("there is no such port", (world) =>
      onPort(form, world, evtchn.EVTCHNOP_unmask, badPort(world)),
    ),
  },
});

function name(form: Form, operation: string): string {
  return form === "op" ? `event_channel_op ${operation}` : `event_channel_op_compat ${operation}`;
}

const unknown = (form: Form): AttackOperation =>
  refused(name(form, "an unknown command"), "there is no such command", {
    ...(form === "compat"
      ? { EFAULT: failing(BAD_POINTER, (world) => call(NUMBER.compat, world.badAddress())) }
      : {}),
    ENOSYS: failing("the command is not known, or newer than this form", (world) =>
      form === "op"
        ? call(NUMBER.op, 15 + (world.draw.next32() % 1000), world.arena.reserve(24))
        : call(NUMBER.compat, world.arena.putWords([10 + (world.draw.next32() % 1000), 0, 0, 0])),
    ),
  });

const inBothForms = (form: Form): readonly AttackOperation[] => [
  allocUnbound(form),
  bindInterdomain(form),
  bindVirq(form),
  bindIpi(form),
  bindPirq(form),
  closing(form),
  sending(form),
  status(form),
  bindVcpu(form),
  unmask(form),
  unknown(form),
];

/** event_channel_op and its older form. [XEN event_channel.h] */
export const eventChannelOperations: readonly AttackOperation[] = [
  ...inBothForms("op"),
  ...fifoOperations,
  ...inBothForms("compat"),
];
