/*
 * The start of the kernel, its ways in and out, and instructions that are expected to fault.
 *
 * Frames are those of a 32-bit guest: [error code], eip, cs with the upcall mask above it, eflags, and esp and ss where
 * ring 3 was interrupted.
 */
#define RING3_CODE 0xe02b
#define RING3_DATA 0xe033
#define CALL(number) (hypercall_page + 32 * (number))
#define IRET 23

    .section .text.first, "ax"
    .globl hypercall_page, begin
hypercall_page:
    .skip 4096
begin:
    cld
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movl $stack_top, %esp
    movl $RING3_DATA, %eax          /* flat, of use in ring 1 as well, and kept by a return to ring 3 */
    movl %eax, %ds
    movl %eax, %es
    pushl %esi
    call kernel
1:  jmp 1b

    .text
    .macro EXCEPTION vector, has_error=0
exception_\vector:
    .if !\has_error
    pushl $0
    .endif
    pushl $\vector
    jmp enter
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

    .globl failsafe_entry, event_entry, system_call_entry
failsafe_entry:                     /* below the frame are ds, es, fs and gs */
    addl $16, %esp
    pushl $0
    pushl $0xfa
    jmp enter
event_entry:
    pushl $0
    pushl $0xe0
enter:
    cld
    pusha
    movl $RING3_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    pushl %esp
    call trap
    addl $4, %esp
    popa
    addl $8, %esp
    movw $0, 6(%esp)
    jmp CALL(IRET)                  /* its stub pushes eax */

system_call_entry:                  /* from ring 3 straight to here; back by the processor's own iret */
    pushl $0
    pushl $0x80
    cld
    pusha
    pushl %esp
    call trap
    addl $4, %esp
    popa
    addl $8, %esp
    iret

/* void run_process(eip, esp, native): enters ring 3; leave_process() comes back to its caller. */
    .globl run_process, leave_process
run_process:
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    movl 12(%esp), %ecx
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %esp, kernel_esp
    pushl $RING3_DATA
    pushl %edx
    pushl $0x202
    pushl $RING3_CODE
    pushl %eax
    testl %ecx, %ecx
    jz CALL(IRET)
    iret
leave_process:
    movl kernel_esp, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

/* Instructions that may fault: 0 when they do not, 1 when they do. */
    .globl probes, probes_end, probe_failed, probe_read, probe_write, probe_fs, probe_gs, probe_halt, probe_float
probes:
probe_read:
    movl 4(%esp), %edx
    movl (%edx), %eax
    jmp probe_done
probe_write:
    movl 4(%esp), %edx
    movl 8(%esp), %eax
    movl %eax, (%edx)
    jmp probe_done
probe_fs:                           /* selector, where to put the word at offset 4 */
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    movl %eax, %fs
    movl %fs:4, %eax
    movl %eax, (%edx)
    jmp probe_done
probe_gs:
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    movl %eax, %gs
    movl %gs:4, %eax
    movl %eax, (%edx)
    jmp probe_done
probe_halt:
    hlt
    jmp probe_done
probe_float:
    fninit
    jmp probe_done
probes_end:
probe_done:
    xorl %eax, %eax
    ret
probe_failed:
    movl $1, %eax
    ret

/* A process, copied to pages of ring 3. ebx: a page of the kernel's; esi: a page of its own that it may only read. */
    .globl process_start, process_end
process_start:
    movl $1000, %ecx
    xorl %edx, %edx
1:  addl %ecx, %edx
    movl $1, %eax                   /* add a number */
    int $0x80
    loop 1b
    movl $2, %eax                   /* tell the sum in edx; gives the two addresses */
    int $0x80
    movl (%ebx), %eax               /* a page of the kernel's: 2 bytes */
    movl %eax, (%esi)               /* a page that cannot be written: 2 bytes */
    movl (%esi), %eax               /* it can be read */
    hlt                             /* 1 byte */
    nop
    int $0x81                       /* a gate of ring 1: 2 bytes */
    ud2                             /* 2 bytes */
    xorl %ecx, %ecx
    divl %ecx                       /* 2 bytes */
    int3                            /* a gate for ring 3, behind it */
    int $0x82                       /* hypercalls are the kernel's: 2 bytes */
    pushl $0x1234                   /* its stack works */
    popl %edx
    movl $3, %eax                   /* exit, with edx */
    int $0x80
process_end:

    .data
    .globl exceptions
exceptions:
    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    .long exception_\vector
    .endr

    .bss
    .balign 16
    .skip 8192
stack_top:
kernel_esp:
    .skip 4

    .macro NOTE type, content:vararg
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \content
2:  .balign 4
    .endm
    .section .note.Xen, "a", @note
    NOTE 6, .asciz "two-level"      /* GUEST_OS */
    NOTE 5, .asciz "xen-3.0"        /* XEN_VERSION */
    NOTE 3, .long 0xc0000000        /* VIRT_BASE */
    NOTE 4, .long 0                 /* PADDR_OFFSET */
    NOTE 1, .long begin             /* ENTRY */
    NOTE 2, .long hypercall_page    /* HYPERCALL_PAGE */
    NOTE 9, .asciz "no"             /* PAE_MODE */
    NOTE 8, .asciz "generic"        /* LOADER */

    .section .note.GNU-stack, "", @progbits
