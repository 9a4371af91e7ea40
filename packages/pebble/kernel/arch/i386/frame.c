/* Trap frames: making one for a process, and printing one. */
#include "arch.h"
#include "string.h"
#include "console.h"

/* A frame that trap_return or the system-call exit turns into a fresh process. */
void frame_start_user(struct trap_frame *frame, word_t entry, word_t stack_top)
{
    memset(frame, 0, sizeof(*frame));
    frame->es = frame->ds = FLAT_USER_DS;
    frame->eip = entry;
    frame->cs = FLAT_USER_CS;
    frame->eflags = EFLAGS_IF | EFLAGS_FIXED;
    frame->esp = stack_top;
    frame->ss = FLAT_USER_DS;
}

void frame_print(const struct trap_frame *frame)
{
    /*
     * An interrupt within ring 1 pushes no esp and ss: the interrupted stack
     * simply continues above the frame.
     */
    bool user = frame_from_user(frame);
    word_t esp = user ? frame->esp : (word_t)&frame->esp;
    word_t ss = user ? frame->ss : FLAT_KERNEL_SS;

    console_print("eip %08x cs %04x eflags %08x mask %u\n", frame->eip, frame->cs & 0xffff,
                  frame->eflags, frame->cs >> 16 & 0xff);
    console_print("esp %08lx ss %04lx ds %04x es %04x\n", esp, ss & 0xffff, frame->ds & 0xffff,
                  frame->es & 0xffff);
    console_print("eax %08x ebx %08x ecx %08x edx %08x\n", frame->eax, frame->ebx, frame->ecx,
                  frame->edx);
    console_print("esi %08x edi %08x ebp %08x\n", frame->esi, frame->edi, frame->ebp);
}
