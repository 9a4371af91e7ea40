/*
 * Every way into ring 1, and the two ways out.
 *
 * The hypervisor pushes what a processor would, with one addition: the upper half
 * of the CS word holds the upcall mask of the interrupted code. From low to high:
 * [error code], eip, cs | mask << 16, eflags, and esp, ss if ring 3 was
 * interrupted. eflags.IF is the negated mask.
 */
#include "layout.h"
#include "xen/hypercalls.h"

    .text

/* Completes struct trap_frame (arch.h). */
    .macro SAVE_REGISTERS
    cld
    pusha
    pushl %ds
    pushl %es
    /* Ring 3 may have loaded anything, even a null selector. */
    movl $FLAT_USER_DS, %eax
    movl %eax, %ds
    movl %eax, %es
    .endm

    .macro RESTORE_REGISTERS
    popl %es
    popl %ds
    popa
    addl $8, %esp               /* vector, error code */
    .endm

/* A missing error code is replaced by 0 so that all frames look alike. */
    .macro EXCEPTION vector, has_error=0
exception_\vector:
    .if !\has_error
    pushl $0
    .endif
    pushl $\vector
    jmp trap_common
    .endm

    EXCEPTION 0
    EXCEPTION 1
    EXCEPTION 2
    EXCEPTION 3
    EXCEPTION 4
    EXCEPTION 5
    EXCEPTION 6
    EXCEPTION 7
    EXCEPTION 8, 1
    EXCEPTION 9
    EXCEPTION 10, 1
    EXCEPTION 11, 1
    EXCEPTION 12, 1
    EXCEPTION 13, 1
    EXCEPTION 14, 1
    EXCEPTION 15
    EXCEPTION 16
    EXCEPTION 17, 1
    EXCEPTION 18
    EXCEPTION 19

/*
 * A segment register or an iret frame that we asked to be restored was invalid.
 * Below the usual frame lie ds, es, fs, gs; we never cause this, so drop them.
 */
    .globl failsafe_entry
failsafe_entry:
    addl $16, %esp
    pushl $0
    pushl $VECTOR_FAILSAFE
    jmp trap_common

/* An event upcall. The hypervisor has set the upcall mask. */
    .globl event_entry
event_entry:
    pushl $0
    pushl $VECTOR_EVENT

trap_common:
    SAVE_REGISTERS
    pushl %esp
    call trap_dispatch
    addl $4, %esp

/*
 * Way out one: the iret hypercall. It restores the registers and the upcall mask
 * (as the negation of eflags.IF) in one step. With separate steps there would be a
 * window: clear the mask, look for events, find none, and have one arrive before
 * the frame is popped; it would then be delivered on top of a half-popped stack.
 *
 * The stub is jumped to, not called; it pushes eax itself.
 */
    .globl trap_return
trap_return:
    RESTORE_REGISTERS
    movw $0, 6(%esp)            /* upcall mask above CS */
    jmp hypercall_page + HYPERVISOR_iret * HYPERCALL_STUB_SIZE

/*
 * int $0x80 from ring 3: the fast gate. It comes here without the hypervisor
 * (trap_info.flags: ring 3 may use it, events not masked).
 *
 * Way out two: the processor's own iret. It does not touch the upcall mask, and
 * need not: the process runs with the mask clear, the gate leaves it clear, and the
 * handler returns with it clear. An event that arrives at any of these
 * instructions is simply delivered there, in a frame of its own.
 */
    .globl syscall_entry
syscall_entry:
    pushl $0
    pushl $VECTOR_SYSCALL
    SAVE_REGISTERS
    pushl %esp
    call syscall_dispatch
    addl $4, %esp
    RESTORE_REGISTERS
    iret

/* void thread_switch(word_t *save, word_t load); see struct switch_frame. */
    .globl thread_switch
thread_switch:
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %esp, (%eax)
    movl %edx, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

    .section .rodata
    .balign 4
    .globl exception_entry
exception_entry:
    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
    .long exception_\vector
    .endr

    .section .note.GNU-stack, "", @progbits
