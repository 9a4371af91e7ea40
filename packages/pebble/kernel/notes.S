/*
 * What an image consists of besides code: the hypercall page, the process, the
 * first stack, and the notes that tell the domain builder how to start it.
 */
#include "layout.h"
#include "xen/elfnote.h"

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
    .globl boot_stack_top
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
    NOTE XEN_ELFNOTE_VIRT_BASE,      ASM_WORD VIRT_BASE
    NOTE XEN_ELFNOTE_PADDR_OFFSET,   ASM_WORD 0
    NOTE XEN_ELFNOTE_ENTRY,          ASM_WORD _start
    NOTE XEN_ELFNOTE_HYPERCALL_PAGE, ASM_WORD hypercall_page
#ifdef NOTE_PAE_MODE
    NOTE XEN_ELFNOTE_PAE_MODE,       .asciz NOTE_PAE_MODE
#endif
    /* A level-1 entry holds a machine frame if (entry & 1) == 1. */
    NOTE XEN_ELFNOTE_L1_MFN_VALID,   .quad 1, 1
    NOTE XEN_ELFNOTE_LOADER,         .asciz "generic"

    .section .note.GNU-stack, "", @progbits
