/* Trap frames: making one for a process, and printing one. */
#include "arch.h"
#include "console.h"
#include "string.h"

/* A frame that trap_return or the system-call exit turns into a fresh process. */
void frame_start_user(struct trap_frame *frame, word_t entry, word_t stack_top)
{
    memset(frame, 0, sizeof(*frame));
    frame->rip = entry;
    frame->cs = FLAT_USER_CS;
    frame->rflags = EFLAGS_IF | EFLAGS_FIXED;
    frame->rsp = stack_top;
    frame->ss = FLAT_USER_DS;
}

void frame_print(const struct trap_frame *frame)
{
    console_print("rip %016lx cs %04lx rflags %08lx mask %lu\n", frame->rip, frame->cs & 0xffff,
                  frame->rflags, frame->cs >> 32 & 0xff);
    console_print("rsp %016lx ss %04lx\n", frame->rsp, frame->ss & 0xffff);
    console_print("rax %016lx rbx %016lx rcx %016lx\n", frame->rax, frame->rbx, frame->rcx);
    console_print("rdx %016lx rsi %016lx rdi %016lx\n", frame->rdx, frame->rsi, frame->rdi);
    console_print("rbp %016lx r8  %016lx r9  %016lx\n", frame->rbp, frame->r8, frame->r9);
    console_print("r10 %016lx r11 %016lx r12 %016lx\n", frame->r10, frame->r11, frame->r12);
    console_print("r13 %016lx r14 %016lx r15 %016lx\n", frame->r13, frame->r14, frame->r15);
}
