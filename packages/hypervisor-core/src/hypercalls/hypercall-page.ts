import { PAGE_SIZE } from "@xenolith/machine-interface";
import type { GuestWidth } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_iret,
  HYPERCALL_STUB_BYTES,
  HYPERCALL_VECTOR,
  NR_HYPERCALLS,
} from "@xenolith/xen-abi/xen";

const INT3 = 0xcc;
const RET = 0xc3;

const moveToEax = (number: number): readonly number[] => [0xb8, number, 0, 0, 0];
const INT_HYPERCALL = [0xcd, HYPERCALL_VECTOR] as const;
const SYSCALL = [0x0f, 0x05] as const;
const PUSH_EAX = 0x50;
const PUSH_RCX = 0x51;
const PUSH_R11 = [0x41, 0x53] as const;
const POP_R11 = [0x41, 0x5b] as const;
const POP_RCX = 0x59;

/** `mov $n, %eax; int $0x82; ret`. iret is jumped to and pushes EAX: its handler finds it below the frame. */
const stub32 = (number: number): readonly number[] =>
  number === __HYPERVISOR_iret
    ? [PUSH_EAX, ...moveToEax(number), ...INT_HYPERCALL]
    : [...moveToEax(number), ...INT_HYPERCALL, RET];

/** SYSCALL destroys RCX and R11, which the stub keeps. */
const stub64 = (number: number): readonly number[] =>
  number === __HYPERVISOR_iret
    ? [PUSH_RCX, ...PUSH_R11, PUSH_EAX, ...moveToEax(number), ...SYSCALL]
    : [PUSH_RCX, ...PUSH_R11, ...moveToEax(number), ...SYSCALL, ...POP_R11, POP_RCX, RET];

/** The code of a hypercall page: a stub of 32 bytes for each number, `int3` elsewhere. [XEN xen.h] */
export const hypercallPage = (width: GuestWidth): Uint8Array => {
  const page = new Uint8Array(PAGE_SIZE).fill(INT3);
  for (let number = 0; number < NR_HYPERCALLS; number++) {
    page.set(width === "x86_64" ? stub64(number) : stub32(number), number * HYPERCALL_STUB_BYTES);
  }
  return page;
};
