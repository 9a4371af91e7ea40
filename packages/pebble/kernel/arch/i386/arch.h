/*
 * What the common code must know about the 32-bit widths: trap frame, and the few
 * instructions C does not have. The page-table format is each width's own.
 */
#ifndef PEBBLE_ARCH_H
#define PEBBLE_ARCH_H

#include "layout.h"
#include "types.h"

#define BLKIF_PROTOCOL "x86_32-abi" /* [XEN io/protocols.h] */

#include "paging.h"

/* ---- the frame that entry.S leaves on the ring-1 stack ---- */

struct trap_frame {
    uint32_t es, ds;
    uint32_t edi, esi, ebp, unused_esp, ebx, edx, ecx, eax; /* pusha */
    uint32_t vector;
    uint32_t error;
    uint32_t eip;
    uint32_t cs; /* low half: selector; bits 16-23: upcall mask when interrupted */
    uint32_t eflags;
    uint32_t esp, ss; /* only when ring 3 was interrupted */
};

static inline bool frame_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) == 3;
}

static inline word_t frame_ip(const struct trap_frame *frame)
{
    return frame->eip;
}

/* System-call convention: number in eax, arguments in ebx, ecx; result in edx:eax. */
static inline word_t frame_syscall_number(const struct trap_frame *frame)
{
    return frame->eax;
}

static inline word_t frame_syscall_argument(const struct trap_frame *frame, int which)
{
    return which == 0 ? frame->ebx : frame->ecx;
}

static inline void frame_set_result(struct trap_frame *frame, int64_t result)
{
    frame->eax = (uint32_t)result;
    frame->edx = (uint32_t)((uint64_t)result >> 32);
}

void frame_start_user(struct trap_frame *frame, word_t entry, word_t stack_top);
void frame_print(const struct trap_frame *frame);

/* ---- entry.S ---- */

extern const word_t exception_entry[20];
void syscall_entry(void);
void event_entry(void);
void failsafe_entry(void);
void trap_return(void);

/* Saves the caller's registers and stack pointer in *save, continues where `load` was saved. */
void thread_switch(word_t *save, word_t load);

/* What thread_switch pops: a stack made by hand starts with this. */
struct switch_frame {
    word_t edi, esi, ebx, ebp;
    word_t return_address;
};

/* ---- single instructions ---- */

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* In a spinning loop: a hint to the processor, nothing else. */
static inline void relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* Exactly two instructions per iteration, so that `spin` means the same in every build. */
static inline void burn(uint32_t iterations)
{
    __asm__ volatile("1: decl %0\n\tjnz 1b" : "+r"(iterations) : : "cc");
}

/* A store that the compiler cannot reason about: used to fault on purpose. */
static inline void store_word(word_t address, word_t value)
{
    __asm__ volatile("movl %1, (%0)" : : "r"(address), "r"(value) : "memory");
}

/*
 * 64-bit by 32-bit division. C's operator would call a library routine that we
 * do not have; two divl do it: the first remainder is below the divisor, so the
 * second quotient fits.
 */
static inline uint64_t divide(uint64_t dividend, uint32_t divisor, uint32_t *remainder)
{
    uint32_t high = (uint32_t)(dividend >> 32), low = (uint32_t)dividend;
    uint32_t high_quotient = high / divisor, rest = high % divisor;
    __asm__("divl %4" : "=a"(low), "=d"(rest) : "0"(low), "1"(rest), "rm"(divisor) : "cc");
    if (remainder)
        *remainder = rest;
    return (uint64_t)high_quotient << 32 | low;
}

#endif
