/**
 * Cost of handing a fault or an event to the guest's kernel. It also lets time pass for a guest that does nothing but fault, or whose
 * handler of events returns with one waiting, only to be called again.
 */
export const FAULT_COST_NS = 500;
/**
 * Cost of emulating a privileged instruction: leaving the guest, decoding, coming back. Without it a guest that polls with
 * such instructions (GRUB reads the time with CPUID and RDTSC) would poll millions of times in a second of its time.
 */
export const EMULATION_COST_NS = 1_000;
