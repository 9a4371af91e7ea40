/*
 * Hypercalls of a 64-bit guest [XEN arch-x86/xen-x86_64.h]:
 * number n is `call hypercall_page + 32 n`, arguments in rdi rsi rdx r10, result in
 * rax. The argument registers are clobbered, hence "+"; the stub keeps rcx and r11,
 * which its `syscall` destroys.
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

static ALWAYS_INLINE long hypercall3(const unsigned number, word_t a, word_t b, word_t c)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static ALWAYS_INLINE long hypercall2(const unsigned number, word_t a, word_t b)
{
    return hypercall3(number, a, b, 0);
}

static ALWAYS_INLINE long hypercall4(const unsigned number, word_t a, word_t b, word_t c, word_t d)
{
    long result;
    register word_t fourth __asm__("r10") = d;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(fourth)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static inline long hv_update_va_mapping(word_t address, pte_t entry, word_t flags)
{
    return hypercall3(HYPERVISOR_update_va_mapping, address, entry, flags);
}

static inline long hv_set_timer_op(uint64_t deadline)
{
    return hypercall2(HYPERVISOR_set_timer_op, deadline, 0);
}

/* 64-bit guests give no selectors, but a third address: where `syscall` leads. */
static inline long hv_set_callbacks(void (*event)(void), void (*failsafe)(void))
{
    return hypercall3(HYPERVISOR_set_callbacks, (word_t)event, (word_t)failsafe,
                      (word_t)syscall_entry);
}

#endif
