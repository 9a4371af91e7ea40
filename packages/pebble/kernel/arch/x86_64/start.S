/*
 * Where a pebble begins.
 *
 * At entry [XEN xen.h, "Start-of-day memory layout"]: 64-bit code in ring 3, %rsi
 * holds the virtual address of start_info, %rsp a stack of the builder's. Event
 * upcalls are masked.
 */
#include "layout.h"

    .section .text.start, "ax"
    .globl _start
_start:
    cld
    /* bss first: our own stack is in it. %rsi survives rep stosq. */
    movq $bss_start, %rdi
    movq $bss_end, %rcx
    subq %rdi, %rcx
    shrq $3, %rcx
    xorl %eax, %eax
    rep stosq

    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movq %rsi, %rdi
    call kernel_main
1:  jmp 1b                      /* not reached */

    .section .note.GNU-stack, "", @progbits
