/*
 * Where a pebble begins.
 *
 * At entry [XEN xen.h, "Start-of-day memory layout"]: paging is on, segments are
 * flat and of ring 1, %esi holds the virtual address of start_info, %esp a stack
 * of the builder's. Event upcalls are masked.
 */
#include "layout.h"

    .section .text.start, "ax"
    .globl _start
_start:
    cld
    /* bss first: our own stack is in it. %esi survives rep stosl. */
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    movl $boot_stack_top, %esp

    /*
     * The kernel's data segment is the process's: flat, and usable from ring 1 too.
     * (An iret to ring 3 would turn a ring-1 selector left in %ds into a null one.)
     */
    movl $FLAT_USER_DS, %eax
    movl %eax, %ds
    movl %eax, %es

    xorl %ebp, %ebp
    pushl %esi
    call kernel_main
1:  jmp 1b                      /* not reached */

    .section .note.GNU-stack, "", @progbits
