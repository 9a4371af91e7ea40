import {
  type CpuUserRegs32,
  type CpuUserRegs64,
  FLAT_RING1_CS,
  FLAT_RING1_SS,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  VCPU_GUEST_CONTEXT_32,
  VCPU_GUEST_CONTEXT_64,
  VGCF_in_kernel,
  VGCF_online,
  xenPfnToCr3,
} from "@xenolith/xen-abi/arch-x86";
import { AT, CODE } from "../../attacker/layout.ts";
import type { World } from "../../attacker/world.ts";

/** What an attack changes about the context of a VCPU. */
export interface ContextChange {
  readonly root?: number;
  readonly gdtEnts?: number;
  readonly gdtFrames?: readonly number[];
  readonly ldtEnts?: number;
  readonly ldtBase?: number;
  /** Selectors of code and stack, which need not lead to anything. */
  readonly selectors?: { readonly cs: number; readonly ss: number };
  readonly debugAddress?: bigint;
}

const STACK = AT.stackTop - 1024;
const FLAGS = 0x202;

/** What lies alike in both word sizes: a VCPU that waits for ever, with upcalls masked. */
const commonOf = (world: World, change: ContextChange) => ({
  fpuCtxt: new Uint8Array(512),
  flags: VGCF_in_kernel | (world.draw.chance(2) ? VGCF_online : 0),
  trapCtxt: Array.from({ length: 256 }, (_, vector) => ({ vector, flags: 0, cs: 0, address: 0 })),
  ldtBase: change.ldtBase ?? 0,
  ldtEnts: change.ldtEnts ?? 0,
  gdtFrames: change.gdtFrames ?? Array.from({ length: 16 }, () => 0),
  gdtEnts: change.gdtEnts ?? 0,
  kernelSp: STACK,
  debugreg: Array.from({ length: 8 }, (_, index) =>
    index === 7 ? 0x400n : index === 0 ? (change.debugAddress ?? 0n) : 0n,
  ),
  eventCallbackEip: CODE.event,
  // Not where the first VCPU recovers: two VCPUs must not take commands.
  failsafeCallbackEip: CODE.park,
  vmAssist: 0,
});

const registers32 = ({ selectors }: ContextChange): CpuUserRegs32 => ({
  ...{ ebx: 0, ecx: 0, edx: 0, esi: 0, edi: 0, ebp: AT.sharedInfo, eax: 0 },
  ...{ errorCode: 0, entryVector: 0, savedUpcallMask: 1 },
  ...{ eip: CODE.park, cs: FLAT_RING1_CS, eflags: FLAGS, esp: STACK, ss: FLAT_RING1_SS },
  ...{ es: FLAT_RING1_SS, ds: FLAT_RING1_SS, fs: 0, gs: 0 },
  ...selectors,
});

const registers64 = ({ selectors }: ContextChange): CpuUserRegs64 => ({
  ...{ rax: 0n, rbx: 0n, rcx: 0n, rdx: 0n, rsi: 0n, rdi: 0n, rbp: BigInt(AT.sharedInfo) },
  ...{ r8: 0n, r9: 0n, r10: 0n, r11: 0n, r12: 0n, r13: 0n, r14: 0n, r15: 0n },
  ...{ errorCode: 0, entryVector: 0, savedUpcallMask: 1 },
  ...{ rip: BigInt(CODE.park), cs: FLAT_RING3_CS64, rflags: BigInt(FLAGS), rsp: BigInt(STACK) },
  ...{ ss: FLAT_RING3_SS64, es: 0, ds: 0, fs: 0, gs: 0 },
  ...selectors,
});

/** Places a context of the attacker's word size. @returns its linear address */
export const putContext = (world: World, change: ContextChange): number => {
  const root = change.root ?? world.root();
  const common = commonOf(world, change);
  return world.isWide
    ? world.arena.putStruct(VCPU_GUEST_CONTEXT_64, {
        ...common,
        userRegs: registers64(change),
        kernelSs: FLAT_RING3_SS64,
        ctrlreg: [0, 0, 0, root * 4096, 0, 0, 0, 0],
        syscallCallbackEip: CODE.park,
        ...{ fsBase: 0n, gsBaseKernel: 0n, gsBaseUser: 0n },
      })
    : world.arena.putStruct(VCPU_GUEST_CONTEXT_32, {
        ...common,
        userRegs: registers32(change),
        kernelSs: FLAT_RING1_SS,
        ctrlreg: [0, 0, 0, xenPfnToCr3(root), 0, 0, 0, 0],
        eventCallbackCs: FLAT_RING1_CS,
        failsafeCallbackCs: FLAT_RING1_CS,
      });
};
