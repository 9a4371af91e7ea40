/*
 * The process: does what the shell tells it to. It is linked on its own at USER_TEXT,
 * knows nothing of the kernel but abi.h, and runs in ring 3.
 */
#include "abi.h"

#ifdef __x86_64__
#define KERNEL_ADDRESS 0xffffffff80000000ul
#else
#define KERNEL_ADDRESS 0xC0000000ul
#endif

static long long syscall(unsigned long number, unsigned long first, unsigned long second)
{
    long long result;
#ifdef __x86_64__
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80"
                     : "=A"(result)
                     : "a"(number), "b"(first), "c"(second)
                     : "memory");
#endif
    return result;
}

static void say(const char *text)
{
    unsigned long length = 0;
    while (text[length])
        length++;
    syscall(SYSCALL_WRITE, (unsigned long)text, length);
}

static unsigned long long make_calls(unsigned long long count)
{
    unsigned long long begin = (unsigned long long)syscall(SYSCALL_GETTICKS, 0, 0);
    while (count--)
        syscall(SYSCALL_NULL, 0, 0);
    return (unsigned long long)syscall(SYSCALL_GETTICKS, 0, 0) - begin;
}

/* The kernel's memory: a fault, whatever is there. */
static void touch_kernel(void)
{
    say("process: reading the kernel's memory\n");
    __asm__ volatile("movl (%0), %%eax" : : "r"(KERNEL_ADDRESS) : "eax", "memory");
    say("process: and nothing happened\n");
}

static struct job job; /* in the writable page */

__attribute__((section(".text.start"), noreturn)) void _start(void);

void _start(void)
{
    for (;;) {
        syscall(SYSCALL_JOB, (unsigned long)&job, 0);
        switch (job.kind) {
        case JOB_SYSCALLS:
            job.result = make_calls(job.count);
            break;
        case JOB_FAULT:
            touch_kernel();
            break;
        case JOB_EXIT:
            say("process: good bye\n");
            syscall(SYSCALL_EXIT, 0, 0);
        }
        syscall(SYSCALL_YIELD, 0, 0);
    }
}
