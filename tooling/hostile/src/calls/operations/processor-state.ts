import type { DomId } from "@xenolith/xen-abi";
import {
  PHYSDEV_IRQ_STATUS_QUERY,
  PHYSDEV_MAP_PIRQ,
  PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET,
  PHYSDEV_PIRQ_EOI_GMFN,
  PHYSDEV_SET_IOBITMAP,
  PHYSDEV_SET_IOPL,
  PHYSDEV_UNMAP_PIRQ,
  PHYSDEVOP_apic_read,
  PHYSDEVOP_eoi,
  PHYSDEVOP_get_free_pirq,
  PHYSDEVOP_irq_status_query,
  PHYSDEVOP_map_pirq,
  PHYSDEVOP_pirq_eoi_gmfn_v1,
  PHYSDEVOP_pirq_eoi_gmfn_v2,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
  PHYSDEVOP_unmap_pirq,
} from "@xenolith/xen-abi/physdev";
import type { Struct } from "@xenolith/xen-abi/struct";
import {
  __HYPERVISOR_fpu_taskswitch,
  __HYPERVISOR_get_debugreg,
  __HYPERVISOR_physdev_op,
  __HYPERVISOR_physdev_op_compat,
  __HYPERVISOR_set_debugreg,
  __HYPERVISOR_vm_assist,
  VMASST_CMD_disable,
  VMASST_CMD_enable,
} from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, after, BAD_POINTER, call, failing, NO_DOMAIN, refused } from "../build.ts";
import type { Call, ErrorCase } from "../call.ts";
import { valueOutcome } from "../outcome.ts";

const physdev = (form: "op" | "compat", world: World, command: number, argument: Uint8Array): Call => {
  if (form === "op") return call(__HYPERVISOR_physdev_op, command, world.arena.put(argument));
  const argumentAt = PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET[world.width];
  const bytes = new Uint8Array(argumentAt + argument.length);
  new DataView(bytes.buffer).setUint32(0, command, true);
  bytes.set(argument, argumentAt);
  return call(__HYPERVISOR_physdev_op_compat, world.arena.put(bytes));
};

const encode = <Fields extends object>(world: World, type: Struct<Fields>, fields: Fields): Uint8Array => {
  const bytes = new Uint8Array(type.size(world.width));
  type.write(new DataView(bytes.buffer), 0, world.width, fields);
  return bytes;
};

const NO_DEVICE = { index: 0, bus: 0, devfn: 0, entryNr: 0, tableBase: 0 } as const;

const eoiPage = (world: World, gmfn: number): Call =>
  physdev(
    "op",
    world,
    world.draw.chance(2) ? PHYSDEVOP_pirq_eoi_gmfn_v1 : PHYSDEVOP_pirq_eoi_gmfn_v2,
    encode(world, PHYSDEV_PIRQ_EOI_GMFN, { gmfn }),
  );

/** A page can be registered once in the life of a domain. */
const eoiPages = (badPointer: ErrorCase<World>): AttackOperation => ({
  name: "physdev_op pirq_eoi_gmfn",
  succeeds: (world) => {
    const frame = world.pool.writable();
    return frame === null ? null : eoiPage(world, frame);
  },
  errors: {
    EFAULT: badPointer,
    EINVAL: failing("the frame cannot be written", (world) =>
      eoiPage(world, world.draw.chance(2) ? world.pool.foreign() : (world.pool.anyTable() ?? 0)),
    ),
    EBUSY: failing("there is a page already", (world) => {
      const frame = world.pool.writable();
      return frame === null ? null : after([eoiPage(world, frame)], eoiPage(world, frame));
    }),
  },
});

const physdevOperations = (form: "op" | "compat"): readonly AttackOperation[] => {
  const name = (operation: string): string =>
    form === "op" ? `physdev_op ${operation}` : `physdev_op_compat ${operation}`;
  const badPointer = (command: number): ErrorCase<World> =>
    failing(BAD_POINTER, (world) =>
      form === "op"
        ? call(__HYPERVISOR_physdev_op, command, world.badAddress())
        : call(
            __HYPERVISOR_physdev_op_compat,
            world.draw.chance(2) ? world.badAddress() : world.lastWord(command),
          ),
    );
  const unreadable: Record<string, ErrorCase<World>> = form === "op"
    ? {}
    : { EFAULT: failing(BAD_POINTER, (world) => call(__HYPERVISOR_physdev_op_compat, world.badAddress())) };
  const always = (
    operation: string,
    commands: readonly number[],
    errno: string,
    why: string,
    reading?: number,
  ): AttackOperation =>
    refused(name(operation), why, {
      ...(reading === undefined ? unreadable : { EFAULT: badPointer(reading) }),
      [errno]: failing(why, (world) => physdev(form, world, world.draw.pick(commands), world.draw.bytes(16))),
    });
  const iopl = (world: World, level: number): Call =>
    physdev(form, world, PHYSDEVOP_set_iopl, encode(world, PHYSDEV_SET_IOPL, { iopl: level }));
  const iobitmap = (world: World, bitmap: number, nrPorts: number): Call =>
    physdev(form, world, PHYSDEVOP_set_iobitmap, encode(world, PHYSDEV_SET_IOBITMAP, { bitmap, nrPorts }));
  const query = (world: World, irq: number): Call =>
    physdev(
      form,
      world,
      PHYSDEVOP_irq_status_query,
      encode(world, PHYSDEV_IRQ_STATUS_QUERY, { irq, flags: 0 }),
    );
  const mapPirq = (world: World, domid: DomId): Call => {
    const pirq = world.draw.below(48);
    return world.draw.chance(2)
      ? physdev(form, world, PHYSDEVOP_unmap_pirq, encode(world, PHYSDEV_UNMAP_PIRQ, { domid, pirq }))
      : physdev(
          form,
          world,
          PHYSDEVOP_map_pirq,
          encode(world, PHYSDEV_MAP_PIRQ, { ...NO_DEVICE, domid, pirq, type: world.draw.below(4) }),
        );
  };
  return [
    {
      name: name("set_iopl"),
      succeeds: (world) => iopl(world, world.draw.below(4)),
      errors: {
        EFAULT: badPointer(PHYSDEVOP_set_iopl),
        EINVAL: failing("there is no such level", (world) => iopl(world, 4 + (world.draw.next32() >>> 1))),
      },
    },
    {
      name: name("set_iobitmap"),
      succeeds: (world) => iobitmap(world, world.arena.reserve(64), world.draw.below(65_537)),
      errors: {
        EFAULT: badPointer(PHYSDEVOP_set_iobitmap),
        EINVAL: failing("there are not so many ports, or the bitmap is the monitor's", (world) =>
          world.draw.chance(2)
            ? iobitmap(world, world.arena.reserve(64), 65_537 + (world.draw.next32() >>> 1))
            : iobitmap(world, world.monitorAddress(), 64),
        ),
      },
    },
    {
      name: name("irq_status_query"),
      succeeds: (world) => query(world, world.draw.below(48)),
      errors: {
        EFAULT: badPointer(PHYSDEVOP_irq_status_query),
        EINVAL: failing("there are not so many interrupts", (world) =>
          query(world, 48 + (world.draw.next32() >>> 1)),
        ),
      },
    },
    {
      name: name("get_free_pirq"),
      succeeds: (world) => physdev(form, world, PHYSDEVOP_get_free_pirq, world.draw.bytes(8)),
      errors: { EFAULT: badPointer(PHYSDEVOP_get_free_pirq) },
    },
    ...(form === "op" ? [eoiPages(badPointer(PHYSDEVOP_pirq_eoi_gmfn_v2))] : []),
    always("eoi", [PHYSDEVOP_eoi], "EINVAL", "there are no physical interrupts", PHYSDEVOP_eoi),
    always("on APICs", [8, 9, 10], "EPERM", "the domain has no physical devices", PHYSDEVOP_apic_read),
    always(
      "on PCI devices",
      [15, 16, 19, 20, 21, 24, 25, 26, 27, 29, 30, 31],
      "EPERM",
      "the domain has no physical devices",
    ),
    refused(name("map_pirq, unmap_pirq"), "the domain has no physical devices", {
      EFAULT: badPointer(PHYSDEVOP_map_pirq),
      EPERM: failing("the domain has no physical devices", (world) => mapPirq(world, world.self)),
      ESRCH: failing(NO_DOMAIN, (world) => mapPirq(world, world.absentDomain())),
    }),
    always(
      "an unknown command",
      [0, 1, 3, 11, 22, 99, 0xffff_ffff],
      "ENOSYS",
      "the command is not known or not offered",
    ),
  ];
};

const assist =
  (command: number) =>
  (world: World): Call =>
    call(__HYPERVISOR_vm_assist, command, world.draw.pick([0, 1, 2, 3, 5]));

const noAssist = failing("there is no such assist for this width", (world: World) =>
  call(__HYPERVISOR_vm_assist, world.draw.below(2), world.draw.pick([6, 31, 33, 0xffff_ffff])),
);

/** State of the virtual processor that is not entry points or tables. [XEN xen.h] [XEN physdev.h] */
export const processorStateOperations = (isWide: boolean): readonly AttackOperation[] => [
  {
    name: "fpu_taskswitch",
    succeeds: (world) => call(__HYPERVISOR_fpu_taskswitch, world.draw.below(2)),
    errors: {},
  },
  {
    name: "set_debugreg",
    succeeds: (world) => {
      const { draw } = world;
      return draw.chance(2)
        ? call(__HYPERVISOR_set_debugreg, draw.below(4), draw.below(0xc000_0000))
        : call(__HYPERVISOR_set_debugreg, draw.pick([4, 6]), draw.next32());
    },
    errors: {
      ENODEV: failing("there is no such register", (world) =>
        call(__HYPERVISOR_set_debugreg, 8 + (world.draw.next32() >>> 1), 0),
      ),
      EPERM: failing("it would watch the monitor or ports, or trap accesses to the registers", (world) =>
        world.draw.chance(2)
          ? call(__HYPERVISOR_set_debugreg, world.draw.below(4), world.monitorAddress())
          : call(__HYPERVISOR_set_debugreg, world.draw.pick([5, 7]), world.draw.pick([0x2000, 0x2_0001])),
      ),
      ...(isWide
        ? {
            EINVAL: failing("the upper half of DR6 and DR7 is reserved", (world: World) =>
              call(__HYPERVISOR_set_debugreg, 4 + world.draw.below(4), 2 ** (32 + world.draw.below(31))),
            ),
          }
        : {}),
    },
  },
  {
    name: "get_debugreg",
    succeeds: (world) => ({
      ...call(__HYPERVISOR_get_debugreg, world.draw.below(4)),
      outcome: valueOutcome("ENODEV"),
    }),
    errors: {
      ENODEV: failing("there is no such register", (world) =>
        call(__HYPERVISOR_get_debugreg, 8 + (world.draw.next32() >>> 1)),
      ),
    },
  },
  { name: "vm_assist enable", succeeds: assist(VMASST_CMD_enable), errors: { EINVAL: noAssist } },
  { name: "vm_assist disable", succeeds: assist(VMASST_CMD_disable), errors: { EINVAL: noAssist } },
  refused("vm_assist, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      call(__HYPERVISOR_vm_assist, 2 + (world.draw.next32() >>> 1), world.draw.below(4)),
    ),
    EINVAL: failing("there is no such assist", () => call(__HYPERVISOR_vm_assist, 77, 99)),
  }),
  ...physdevOperations("op"),
  ...physdevOperations("compat"),
];
