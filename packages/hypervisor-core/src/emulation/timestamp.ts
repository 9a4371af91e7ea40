import { CR4, REGISTER } from "@xenolith/x86-architecture";
import { isInKernel } from "../rings.ts";
import { EMULATED, type Emulation, REFUSED } from "./outcome.ts";

const TWO_32 = 0x1_0000_0000;

/** RDTSC and RDTSCP where the guest's CR4.TSD makes them leave the processor: the kernel may, user mode may not. */
export const createTimestampEmulation =
  (timestamp: () => number, withProcessorId: boolean): Emulation =>
  (vcpu, x86) => {
    if ((vcpu.cr4 & CR4.tsd) !== 0 && !isInKernel(vcpu, x86.context)) return REFUSED;
    const now = timestamp();
    x86.context.setRegister(REGISTER.rax, now % TWO_32);
    x86.context.setRegister(REGISTER.rdx, Math.floor(now / TWO_32));
    if (withProcessorId) x86.context.setRegister(REGISTER.rcx, 0);
    return EMULATED.next;
  };
