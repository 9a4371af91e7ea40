/** Virtual interrupts. [XEN xen.h] */

/** Timebase update and one-shot timeouts. Per VCPU. */
export const VIRQ_TIMER = 0;
/** Request to dump debug information. Per VCPU. */
export const VIRQ_DEBUG = 1;
/** Bytes received on the emergency console. Global, dom0. */
export const VIRQ_CONSOLE = 2;
/** Exceptional event of some domain. Global, dom0. */
export const VIRQ_DOM_EXC = 3;
/** Trace buffer has records. Global, dom0. */
export const VIRQ_TBUF = 4;
/** A domain has paused for debugging. Global, dom0. */
export const VIRQ_DEBUGGER = 6;
/** Profiler sample. Per VCPU. */
export const VIRQ_XENOPROF = 7;
/** Bytes received on the console ring. Global, dom0. */
export const VIRQ_CON_RING = 8;
/** State of a physical CPU changed. Global, dom0. */
export const VIRQ_PCPU_STATE = 9;
/** Memory event. Global, dom0. */
export const VIRQ_MEM_EVENT = 10;
/** Argo message. Global. */
export const VIRQ_ARGO = 11;
/** Low on heap. Global, dom0. */
export const VIRQ_ENOMEM = 12;
/** PMU interrupt. Per VCPU. */
export const VIRQ_XENPMU = 13;
export const VIRQ_ARCH_0 = 16;
export const VIRQ_ARCH_1 = 17;
export const VIRQ_ARCH_2 = 18;
export const VIRQ_ARCH_3 = 19;
export const VIRQ_ARCH_4 = 20;
export const VIRQ_ARCH_5 = 21;
export const VIRQ_ARCH_6 = 22;
export const VIRQ_ARCH_7 = 23;
/** One more than the highest VIRQ. */
export const NR_VIRQS = 24;
