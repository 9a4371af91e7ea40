/**
 * Cost of handing a fault or an event to the guest's kernel. It also lets time pass for a guest that does nothing but fault, or whose
 * handler of events returns with one waiting, only to be called again.
 */
export const FAULT_COST_NS = 500;
/**
 * Cost of a hypercall, besides the instruction and what the call charges for its work. Without it a guest that makes calls in a loop
 * would get of the host's time many times what others get for the same time of theirs, as a call takes the host a microsecond. Calls
 * that the processor answers by itself cost as much: nobody is to see which they are.
 */
export const HYPERCALL_COST_NS = 200;
/**
 * Cost of emulating a privileged instruction: leaving the guest, decoding, coming back. Without it a guest that polls with
 * such instructions (GRUB reads the time with CPUID and RDTSC) would poll millions of times in a second of its time.
 */
export const EMULATION_COST_NS = 1_000;
