import { FLAT_RING1_CS, TRAP_INFO } from "@xenolith/xen-abi/arch-x86";
import * as callback from "@xenolith/xen-abi/callback";
import { XENNMI_CALLBACK, XENNMI_register_callback, XENNMI_unregister_callback } from "@xenolith/xen-abi/nmi";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_iret,
  __HYPERVISOR_nmi_op,
  __HYPERVISOR_set_callbacks,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
} from "@xenolith/xen-abi/xen";
import { AT, CODE } from "../../attacker/layout.ts";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import type { Call } from "../call.ts";

/** Vectors of exceptions, for which the attacker keeps its handlers. */
const EXCEPTIONS = 32;

/** A trap table: handlers of exceptions where they belong, others anywhere. */
export const trapTable = (world: World): number => {
  const size = TRAP_INFO.size("x86_32p");
  const vectors = [
    ...Array.from({ length: 20 }, (_, vector) => vector),
    ...Array.from({ length: world.draw.below(20) }, () => EXCEPTIONS + world.draw.below(256 - EXCEPTIONS)),
  ];
  const bytes = new Uint8Array(size * (vectors.length + 1));
  const view = new DataView(bytes.buffer);
  for (const [index, vector] of vectors.entries())
    TRAP_INFO.write(view, index * size, "x86_32p", {
      vector,
      flags: vector < EXCEPTIONS ? 4 : world.draw.below(8),
      cs: vector < EXCEPTIONS ? FLAT_RING1_CS : world.draw.below(0x1_0000),
      address: vector < EXCEPTIONS ? CODE.recover : world.draw.next32() | 1,
    });
  return world.arena.put(bytes);
};

const register = (world: World, type: number, eip: number): Call =>
  call(
    __HYPERVISOR_callback_op,
    callback.CALLBACKOP_register,
    world.arena.putStruct(callback.CALLBACK_REGISTER_32, {
      type,
      flags: world.draw.below(2),
      cs: FLAT_RING1_CS,
      eip,
    }),
  );

const unregister = (world: World, type: number): Call =>
  call(
    __HYPERVISOR_callback_op,
    callback.CALLBACKOP_unregister,
    world.arena.putStruct(callback.CALLBACK_UNREGISTER, { type }),
  );

const UNKNOWN_TYPES = [2, 3, 6, 8, 100, 0xffff];

/** A frame that leads back behind the hypercall: eax, eip, cs, eflags. */
const iretFrame = (world: World): Call => {
  const interrupts = world.draw.chance(4) ? 0x200 : 0;
  const frame = [
    0,
    CODE.continuation,
    FLAT_RING1_CS | (world.draw.below(2) << 16),
    0x2 | interrupts | (world.draw.below(2) << 18),
  ];
  return { ...call(__HYPERVISOR_iret), stackPointer: world.arena.putWords(frame) };
};

/** Entry points: trap table, callbacks, kernel stack, iret. [XEN arch-x86/xen.h] [XEN callback.h] [XEN nmi.h] */
export const callbackOperations: readonly AttackOperation[] = [
  {
    name: "set_trap_table",
    succeeds: (world) => call(__HYPERVISOR_set_trap_table, trapTable(world)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_set_trap_table, world.badAddress() || 0x1000),
      ),
    },
  },
  {
    name: "set_callbacks",
    succeeds: () => call(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, CODE.event, FLAT_RING1_CS, CODE.recover),
    errors: {},
  },
  {
    name: "stack_switch",
    succeeds: (world) =>
      call(
        __HYPERVISOR_stack_switch,
        world.draw.below(0x1_0000),
        world.draw.chance(2) ? AT.stackTop : world.draw.next32(),
      ),
    errors: {},
  },
  { name: "iret", succeeds: iretFrame, errors: {} },
  {
    name: "callback_op register",
    succeeds: (world) =>
      world.draw.pick([
        () => register(world, callback.CALLBACKTYPE_event, CODE.event),
        () => register(world, callback.CALLBACKTYPE_failsafe, CODE.recover),
        () => register(world, callback.CALLBACKTYPE_sysenter, world.draw.next32()),
        () => register(world, callback.CALLBACKTYPE_syscall32, world.draw.next32()),
      ])(),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_callback_op, callback.CALLBACKOP_register, world.badAddress()),
      ),
      ENOSYS: failing("there is no callback of this type for 32-bit guests", (world) =>
        register(world, world.draw.pick(UNKNOWN_TYPES), CODE.recover),
      ),
    },
  },
  {
    name: "callback_op unregister",
    succeeds: (world) => unregister(world, callback.CALLBACKTYPE_nmi),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_callback_op, callback.CALLBACKOP_unregister, world.badAddress()),
      ),
      EINVAL: failing("this callback cannot be taken back", (world) =>
        unregister(world, world.draw.pick([0, 1, 5, 7])),
      ),
      ENOSYS: failing("there is no callback of this type for 32-bit guests", (world) =>
        unregister(world, world.draw.pick(UNKNOWN_TYPES)),
      ),
    },
  },
  refused("callback_op, an unknown command", "there is no such command", {
    EINVAL: failing("the command is not known", (world) =>
      call(__HYPERVISOR_callback_op, 2 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
  {
    name: "nmi_op register_callback",
    succeeds: (world) =>
      call(
        __HYPERVISOR_nmi_op,
        XENNMI_register_callback,
        world.arena.putStruct(XENNMI_CALLBACK, { handlerAddress: CODE.recover }),
      ),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_nmi_op, XENNMI_register_callback, world.badAddress()),
      ),
    },
  },
  {
    name: "nmi_op unregister_callback",
    succeeds: () => call(__HYPERVISOR_nmi_op, XENNMI_unregister_callback),
    errors: {},
  },
  refused("nmi_op, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      call(__HYPERVISOR_nmi_op, 2 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
];
