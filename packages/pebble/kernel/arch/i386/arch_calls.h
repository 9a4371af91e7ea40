/*
 * Hypercalls of a 32-bit guest [XEN arch-x86/xen-x86_32.h]:
 * number n is `call hypercall_page + 32 n`, arguments in ebx ecx edx esi edi,
 * result in eax. The argument registers are clobbered, hence "+".
 *
 * Each time the hypervisor returns to a guest it looks for pending events. So any
 * hypercall is a place where an upcall may happen.
 */
#ifndef PEBBLE_ARCH_CALLS_H
#define PEBBLE_ARCH_CALLS_H

#include "arch.h"
#include "xen/core.h"
#include "xen/hypercalls.h"

#define HYPERCALL_TARGET(number) [stub] "i"((number) * HYPERCALL_STUB_SIZE)

static ALWAYS_INLINE long hypercall2(const unsigned number, word_t a, word_t b)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static ALWAYS_INLINE long hypercall3(const unsigned number, word_t a, word_t b, word_t c)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b), "+d"(c)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static ALWAYS_INLINE long hypercall4(const unsigned number, word_t a, word_t b, word_t c, word_t d)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

/* ---- the calls whose arguments depend on the width ---- */

/* A 64-bit argument takes two registers, low half first. */
static inline long hv_set_timer_op(uint64_t deadline)
{
    return hypercall2(HYPERVISOR_set_timer_op, (word_t)deadline, (word_t)(deadline >> 32));
}

/* 32-bit guests give a selector with each address; 64-bit ones do not. */
static inline long hv_set_callbacks(void (*event)(void), void (*failsafe)(void))
{
    return hypercall4(HYPERVISOR_set_callbacks, FLAT_KERNEL_CS, (word_t)event, FLAT_KERNEL_CS,
                      (word_t)failsafe);
}

#include "paging_calls.h"

#endif
