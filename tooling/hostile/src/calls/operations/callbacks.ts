import {
  FLAT_RING1_CS,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  TRAP_INFO,
  VGCF_in_syscall,
} from "@xenolith/xen-abi/arch-x86";
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
  const size = TRAP_INFO.size(world.width);
  const vectors = [
    ...Array.from({ length: 20 }, (_, vector) => vector),
    ...Array.from({ length: world.draw.below(20) }, () => EXCEPTIONS + world.draw.below(256 - EXCEPTIONS)),
  ];
  const bytes = new Uint8Array(size * (vectors.length + 1));
  const view = new DataView(bytes.buffer);
  for (const [index, vector] of vectors.entries())
    TRAP_INFO.write(view, index * size, world.width, {
      vector,
      flags: vector < EXCEPTIONS ? 4 : world.draw.below(8),
      cs: vector < EXCEPTIONS ? FLAT_RING1_CS : world.draw.below(0x1_0000),
      address: vector < EXCEPTIONS ? CODE.recover : world.draw.next32() | 1,
    });
  return world.arena.put(bytes);
};

const register = (world: World, type: number, address: number): Call => {
  const { arena, draw, isWide } = world;
  const flags = draw.below(2);
  const at = isWide
    ? arena.putStruct(callback.CALLBACK_REGISTER_64, { type, flags, address })
    : arena.putStruct(callback.CALLBACK_REGISTER_32, { type, flags, cs: FLAT_RING1_CS, eip: address });
  return call(__HYPERVISOR_callback_op, callback.CALLBACKOP_register, at);
};

/** Registers the attacker's callbacks by the older call. */
export const setCallbacks = ({ isWide }: World): Call =>
  isWide
    ? call(__HYPERVISOR_set_callbacks, CODE.event, CODE.recover, CODE.recover)
    : call(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, CODE.event, FLAT_RING1_CS, CODE.recover);

/** An address that lies in neither canonical half. */
const NOT_CANONICAL = 0x8000_0000_0000;

const unregister = (world: World, type: number): Call =>
  call(
    __HYPERVISOR_callback_op,
    callback.CALLBACKOP_unregister,
    world.arena.putStruct(callback.CALLBACK_UNREGISTER, { type }),
  );

/** Types that there are not; SYSCALL is for 64-bit guests. */
const unknownTypes = ({ isWide }: World): readonly number[] =>
  isWide ? [2, 6, 8, 100, 0xffff] : [2, 3, 6, 8, 100, 0xffff];

/** A frame that leads back behind the hypercall: eax, eip, cs, eflags; or rax, r11, rcx, flags, rip, cs, rflags, rsp, ss. */
const iretFrame = (world: World): Call => {
  const { draw, arena, isWide } = world;
  const interrupts = draw.chance(4) ? 0x200 : 0;
  const flags = 0x2 | interrupts | (draw.below(2) << 18);
  const masked = draw.below(2);
  const frame = isWide
    ? [
        ...[0, draw.next32(), draw.next32(), draw.pick([0, VGCF_in_syscall])],
        ...[CODE.continuation, FLAT_RING3_CS64 & ~3, flags, AT.stackTop, FLAT_RING3_SS64],
      ]
    : [0, CODE.continuation, FLAT_RING1_CS | (masked << 16), flags];
  return { ...call(__HYPERVISOR_iret), stackPointer: arena.putLongs(frame) };
};

/** Entry points: trap table, callbacks, kernel stack, iret. [XEN arch-x86/xen.h] [XEN callback.h] [XEN nmi.h] */
export const callbackOperations = (isWide: boolean): readonly AttackOperation[] => [
  {
    name: "set_trap_table",
    succeeds: (world) => call(__HYPERVISOR_set_trap_table, trapTable(world)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_set_trap_table, world.badAddress() || 0x1000),
      ),
      ...(isWide
        ? {
            EINVAL: failing("a handler is not at a canonical address", (world: World) =>
              call(
                __HYPERVISOR_set_trap_table,
                world.arena.putStruct(TRAP_INFO, { vector: 77, flags: 0, cs: 0, address: NOT_CANONICAL }),
              ),
            ),
          }
        : {}),
    },
  },
  {
    name: "set_callbacks",
    succeeds: setCallbacks,
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
        () =>
          register(world, isWide ? callback.CALLBACKTYPE_syscall : callback.CALLBACKTYPE_nmi, CODE.recover),
      ])(),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_callback_op, callback.CALLBACKOP_register, world.badAddress()),
      ),
      ...(isWide
        ? {
            EINVAL: failing("the callback is not at a canonical address", (world: World) =>
              register(world, callback.CALLBACKTYPE_syscall32, NOT_CANONICAL),
            ),
          }
        : {}),
      ENOSYS: failing("there is no callback of this type for such guests", (world) =>
        register(world, world.draw.pick(unknownTypes(world)), CODE.recover),
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
      ENOSYS: failing("there is no callback of this type for such guests", (world) =>
        unregister(world, world.draw.pick(unknownTypes(world))),
      ),
    },
  },
  refused("callback_op, an unknown command", "there is no such command", {
    [isWide ? "ENOSYS" : "EINVAL"]: failing("the command is not known", (world) =>
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
      ...(isWide
        ? {
            EINVAL: failing("the callback is not at a canonical address", (world: World) =>
              call(
                __HYPERVISOR_nmi_op,
                XENNMI_register_callback,
                world.arena.putStruct(XENNMI_CALLBACK, { handlerAddress: NOT_CANONICAL }),
              ),
            ),
          }
        : {}),
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
