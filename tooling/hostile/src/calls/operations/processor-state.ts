import {
  PHYSDEV_SET_IOBITMAP,
  PHYSDEV_SET_IOPL,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
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
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import type { Call, ErrorCase } from "../call.ts";

const physdev = (form: "op" | "compat", world: World, command: number, argument: Uint8Array): Call => {
  if (form === "op") return call(__HYPERVISOR_physdev_op, command, world.arena.put(argument));
  const bytes = new Uint8Array(4 + argument.length);
  new DataView(bytes.buffer).setUint32(0, command, true);
  bytes.set(argument, 4);
  return call(__HYPERVISOR_physdev_op_compat, world.arena.put(bytes));
};

const encode = <Fields extends object>(type: Struct<Fields>, fields: Fields): Uint8Array => {
  const bytes = new Uint8Array(type.size("x86_32p"));
  type.write(new DataView(bytes.buffer), 0, "x86_32p", fields);
  return bytes;
};

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
  ): AttackOperation =>
    refused(name(operation), why, {
      ...unreadable,
      [errno]: failing(why, (world) => physdev(form, world, world.draw.pick(commands), world.draw.bytes(16))),
    });
  const iopl = (world: World, level: number): Call =>
    physdev(form, world, PHYSDEVOP_set_iopl, encode(PHYSDEV_SET_IOPL, { iopl: level }));
  const iobitmap = (world: World, bitmap: number, nrPorts: number): Call =>
    physdev(form, world, PHYSDEVOP_set_iobitmap, encode(PHYSDEV_SET_IOBITMAP, { bitmap, nrPorts }));
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
            : iobitmap(world, 0xf580_0000, 64),
        ),
      },
    },
    always("eoi, irq_status_query", [5, 12], "EINVAL", "there are no physical interrupts"),
    always("on APICs and interrupts", [8, 9, 13, 14, 23], "EPERM", "the domain has no physical devices"),
    always(
      "an unknown command",
      [0, 1, 3, 10, 11, 17, 28, 99, 0xffff_ffff],
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
  call(__HYPERVISOR_vm_assist, world.draw.below(2), world.draw.pick([6, 31, 32, 33, 0xffff_ffff])),
);

/** State of the virtual processor that is not entry points or tables. [XEN xen.h] [XEN physdev.h] */
export const processorStateOperations: readonly AttackOperation[] = [
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
          ? call(__HYPERVISOR_set_debugreg, world.draw.below(4), 0xf580_0000 + world.draw.below(0xa80_0000))
          : call(__HYPERVISOR_set_debugreg, world.draw.pick([5, 7]), world.draw.pick([0x2000, 0x2_0001])),
      ),
    },
  },
  {
    name: "get_debugreg",
    succeeds: (world) => call(__HYPERVISOR_get_debugreg, world.draw.below(4)),
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
