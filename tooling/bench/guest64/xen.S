/*
 * The same kernels as a paravirtual 64-bit guest: entered in 64-bit code of ring 3, with page tables made by the domain builder,
 * %rsi pointing to start_info [XEN xen.h, "Start-of-day memory layout"]. Pseudo-physical memory is mapped from address 0.
 */
 .text
 .globl _start
_start:
 cld
 mov $bss_start, %rdi
 mov $bss_end, %rcx
 sub %rdi, %rcx
 xor %eax, %eax
 rep stosb
 mov $stack_top, %esp
 fninit
 mov %rsi, %rdi
 call xen_main
1: jmp 1b

 /* The hypervisor fills it with stubs of 32 bytes. */
 .section .text.hypercall_page, "ax"
 .balign 4096
 .globl hypercall_page
hypercall_page:
 .skip 4096

 .macro NOTE type, content:vararg
 .balign 4
 .long 4, 2f - 1f, \type
 .asciz "Xen"
1: \content
2: .balign 4
 .endm

 /* [XEN elfnote.h] */
 .section .note.Xen, "a", @note
 NOTE 6, .asciz "yardstick" /* guest's name */
 NOTE 5, .asciz "xen-3.0"
 NOTE 8, .asciz "generic" /* loader */
 NOTE 3, .quad 0 /* address of pseudo-physical 0 */
 NOTE 4, .quad 0 /* what physical addresses of segments are off by */
 NOTE 1, .quad _start
 NOTE 2, .quad hypercall_page

 .section .bss.stack, "aw", @nobits
 .balign 16
 .skip 65536
stack_top:
