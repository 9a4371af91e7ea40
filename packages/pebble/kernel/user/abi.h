/*
 * Between the process and the kernel. System calls of the 32-bit widths: int $0x80,
 * number in eax, arguments in ebx and ecx, result in edx:eax. Of the 64-bit one: syscall,
 * number in rax, arguments in rdi and rsi, result in rax.
 */
#ifndef PEBBLE_USER_ABI_H
#define PEBBLE_USER_ABI_H

#define SYSCALL_NULL 0     /* does nothing; what `syscall` measures             */
#define SYSCALL_EXIT 1     /* status; the kernel starts the process again       */
#define SYSCALL_WRITE 2    /* text, length                                      */
#define SYSCALL_YIELD 3    /* lets the shell look around                        */
#define SYSCALL_GETTICKS 4 /* system time in ns                                 */
#define SYSCALL_JOB 5      /* struct job; sleeps until there is one             */

/* Two pages of program (read-only, then writable), a hole, a page of stack. */
#define USER_TEXT 0x08048000
#define USER_DATA 0x08049000
#define USER_STACK 0x0804b000
#define USER_STACK_TOP 0x0804c000

#ifndef __ASSEMBLER__

/* What the shell asks of the process. */
enum job_kind {
    JOB_SYSCALLS, /* make `count` null system calls; result: ns they took */
    JOB_FAULT,    /* touch the kernel's memory                            */
    JOB_EXIT,
};

struct job {
    unsigned kind;
    unsigned long long count;
    unsigned long long result; /* of the previous job, when asking for the next */
};

#endif
#endif
