/*
 * Where a pebble begins, and the notes that tell the domain builder so.
 *
 * At entry [XEN xen.h, "Start-of-day memory layout"]: paging is on, segments are
 * flat and of ring 1, %esi holds the virtual address of start_info, %esp a stack
 * of the builder's. Event upcalls are masked.
 */
#include "layout.h"
#include "xen/elfnote.h"
#include "xen/hypercalls.h"

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

/*
 * The hypervisor fills this page with stubs before we run; it must be executable
 * and fill a page of its own. Named by the HYPERCALL_PAGE note.
 */
    .section .text.hypercall_page, "ax"
    .balign PAGE_SIZE
    .globl hypercall_page
    .type hypercall_page, @object
hypercall_page:
    .skip PAGE_SIZE
    .size hypercall_page, PAGE_SIZE

/* The process, linked on its own and copied to ring-3 pages by user.c. */
    .section .rodata.user_image, "a"
    .balign 4
    .globl user_image, user_image_end
user_image:
    .incbin "user.bin"
user_image_end:

    .section .bss.boot_stack, "aw", @nobits
    .balign 16
    .skip 8192
boot_stack_top:

/* One ELF note: name size, descriptor size, type, then both, padded to four bytes. */
    .macro NOTE type, content:vararg
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \content
2:  .balign 4
    .endm

    .section .note.Xen, "a", @note
    NOTE XEN_ELFNOTE_GUEST_OS,       .asciz "pebble"
    NOTE XEN_ELFNOTE_GUEST_VERSION,  .asciz "1"
    NOTE XEN_ELFNOTE_XEN_VERSION,    .asciz "xen-3.0"
    NOTE XEN_ELFNOTE_VIRT_BASE,      .long VIRT_BASE
    NOTE XEN_ELFNOTE_PADDR_OFFSET,   .long 0
    NOTE XEN_ELFNOTE_ENTRY,          .long _start
    NOTE XEN_ELFNOTE_HYPERCALL_PAGE, .long hypercall_page
    NOTE XEN_ELFNOTE_PAE_MODE,       .asciz "yes"
    /* A level-1 entry holds a machine frame if (entry & 1) == 1. */
    NOTE XEN_ELFNOTE_L1_MFN_VALID,   .quad 1, 1
    NOTE XEN_ELFNOTE_LOADER,         .asciz "generic"

    .section .note.GNU-stack, "", @progbits
