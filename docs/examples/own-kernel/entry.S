# The start of a kernel, and what tells Xen how to load it: the strings of older kernels, which every loader still reads.
        .section __xen_guest, "", @progbits
        .ascii "GUEST_OS=hello,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,"
        .asciz "HYPERCALL_PAGE=0x1"

        .text                           # linked first: it begins at VIRT_BASE
        .globl _start, hypercall_page
_start: cld
        lea     stack_top(%rip), %rsp
        mov     %rsi, %rdi              # start_info
        call    run_tests
        .org    0x1000                  # HYPERCALL_PAGE is the number of this page
hypercall_page:
        .org    0x2000

        .bss
        .balign 16
        .skip   8192
stack_top:
        .section .note.GNU-stack, "", @progbits
