/*
 * What the common code must know about the 64-bit width: trap frame, and the few
 * instructions C does not have.
 */
#ifndef PEBBLE_ARCH_H
#define PEBBLE_ARCH_H

#include "layout.h"
#include "types.h"

#define BLKIF_PROTOCOL "x86_64-abi" /* [XEN io/protocols.h] */

#include "paging.h"

/* ---- the frame that entry.S leaves on the kernel's stack ---- */

struct trap_frame {
    word_t r15, r14, r13, r12, r11, r10, r9, r8;
    word_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    word_t vector;
    word_t error;
    word_t rip;
    word_t cs; /* low half: selector, RPL 0 if the kernel was interrupted; bit 32: upcall mask */
    word_t rflags;
    word_t rsp, ss;
};

static inline bool frame_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) == 3;
}

static inline word_t frame_ip(const struct trap_frame *frame)
{
    return frame->rip;
}

/* System-call convention: number in rax, arguments in rdi, rsi; result in rax. */
static inline word_t frame_syscall_number(const struct trap_frame *frame)
{
    return frame->rax;
}

static inline word_t frame_syscall_argument(const struct trap_frame *frame, int which)
{
    return which == 0 ? frame->rdi : frame->rsi;
}

static inline void frame_set_result(struct trap_frame *frame, int64_t result)
{
    frame->rax = (word_t)result;
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
    word_t r15, r14, r13, r12, rbx, rbp;
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
    __asm__ volatile("movq %1, (%0)" : : "r"(address), "r"(value) : "memory");
}

static inline uint64_t divide(uint64_t dividend, uint32_t divisor, uint32_t *remainder)
{
    if (remainder)
        *remainder = (uint32_t)(dividend % divisor);
    return dividend / divisor;
}

#endif
