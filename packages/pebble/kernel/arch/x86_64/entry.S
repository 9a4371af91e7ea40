/*
 * Every way into the kernel, and the two ways out.
 *
 * The hypervisor aligns the stack to 16 and pushes, from low to high: rcx, r11,
 * [error code], rip, cs, rflags, rsp, ss. It needs rcx and r11 itself, to come here
 * by SYSRET. The upper half of the CS word holds the upcall mask of the interrupted
 * code, and its RPL is 0 if that was the kernel. rflags.IF is the negated mask.
 */
#include "layout.h"
#include "xen/hypercalls.h"

    .text

/* Completes struct trap_frame (arch.h). */
    .macro SAVE_REGISTERS
    cld
    .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    pushq %\register
    .endr
    .endm

    .macro RESTORE_REGISTERS
    .irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    popq %\register
    .endr
    addq $16, %rsp              /* vector, error code */
    .endm

/* Takes rcx and r11 back. */
    .macro TAKE_BACK
    popq %rcx
    popq %r11
    .endm

/* A missing error code is replaced by 0 so that all frames look alike. */
    .macro EXCEPTION vector, has_error=0
exception_\vector:
    TAKE_BACK
    .if !\has_error
    pushq $0
    .endif
    pushq $\vector
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
 * A segment register that we asked to be restored was invalid. Above rcx and r11
 * lie ds, es, fs, gs; we never cause this, so drop them.
 */
    .globl failsafe_entry
failsafe_entry:
    TAKE_BACK
    addq $32, %rsp
    pushq $0
    pushq $VECTOR_FAILSAFE
    jmp trap_common

/* An event upcall. The hypervisor has set the upcall mask. */
    .globl event_entry
event_entry:
    TAKE_BACK
    pushq $0
    pushq $VECTOR_EVENT

trap_common:
    SAVE_REGISTERS
    movq %rsp, %rdi
    call trap_dispatch

/*
 * Way out one: the iret hypercall. It restores the registers, the upcall mask (as
 * the negation of rflags.IF) and, for the process, its page tables, all in one step.
 * The RPL of cs says which of the two it returns to.
 *
 * The stub is jumped to, not called; it pushes rcx, r11 and rax itself, below the
 * flags that we push.
 */
    .globl trap_return
trap_return:
    RESTORE_REGISTERS
    pushq $0
    jmp hypercall_page + HYPERVISOR_iret * HYPERCALL_STUB_SIZE

/*
 * `syscall` in the process: the hypervisor brings it here, on the stack of
 * stack_switch and with the kernel's page tables. Events are not masked.
 *
 * Way out two: the same hypercall, told that the caller expects nothing of rcx and
 * r11. The hypervisor may then return by SYSRET.
 */
    .globl syscall_entry
syscall_entry:
    TAKE_BACK
    pushq $0
    pushq $VECTOR_SYSCALL
    SAVE_REGISTERS
    movq %rsp, %rdi
    call syscall_dispatch
    RESTORE_REGISTERS
    pushq $VGCF_in_syscall
    jmp hypercall_page + HYPERVISOR_iret * HYPERCALL_STUB_SIZE

/* void thread_switch(word_t *save, word_t load); see struct switch_frame. */
    .globl thread_switch
thread_switch:
    .irp register, rbp, rbx, r12, r13, r14, r15
    pushq %\register
    .endr
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    .irp register, r15, r14, r13, r12, rbx, rbp
    popq %\register
    .endr
    ret

    .section .rodata
    .balign 8
    .globl exception_entry
exception_entry:
    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
    .quad exception_\vector
    .endr

    .section .note.GNU-stack, "", @progbits
