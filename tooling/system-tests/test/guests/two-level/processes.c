/* Ring 3: system calls by the direct gate, faults by bounces, and both ways back. */
#include "kernel.h"

#define ALIGNED __attribute__((aligned(4096)))
static u32 code[1024] ALIGNED, stack[1024] ALIGNED, kernels[1024] ALIGNED;
enum { CODE = AREA + 0x100000, STACK = AREA + 0x101000, KERNELS = AREA + 0x102000, READ_ONLY = AREA + 0x103000 };

/* What comes after the sum, in this order: vector, error code, bytes to go on behind. */
static const struct { u32 vector, error, skip; } wanted[] = {
    { 14, 5, 2 }, { 14, 7, 2 }, { 13, 0, 1 }, { 13, 0x81 << 3 | 2, 2 }, { 6, 0, 2 }, { 0, 0, 2 }, { 3, 0, 0 },
    { 13, 0x82 << 3 | 2, 2 },
};
#define FAULTS (sizeof wanted / sizeof *wanted)
static u32 system_calls, added, faults;

static void system_call(struct frame *frame)
{
    system_calls++;
    switch (frame->eax) {
    case 1:
        added += frame->ecx;
        break;
    case 2:
        CHECK_IS(frame->edx, 500500);
        CHECK_IS(added, 500500);
        frame->ebx = KERNELS;
        frame->esi = READ_ONLY;
        break;
    default:
        CHECK_IS(frame->eax, 3);
        CHECK_IS(frame->edx, 0x1234);
        leave_process();
    }
}

void process_trap(struct frame *frame)
{
    CHECK_IS(frame->cs, 0xe02b);
    CHECK_IS(frame->ss, 0xe033);
    CHECK_IS(frame->upcall_mask, 0);
    CHECK(frame->eflags & 0x200);
    if (frame->vector == 0x80) {
        system_call(frame);
        return;
    }
    CHECK(faults < FAULTS);
    CHECK_IS(frame->vector, wanted[faults].vector);
    CHECK_IS(frame->error, wanted[faults].error);
    if (frame->vector == 14)
        CHECK_IS(fault.address, faults == 0 ? KERNELS : READ_ONLY);
    frame->eip += wanted[faults++].skip;
}

static void run(int native)
{
    system_calls = added = faults = 0;
    run_process(CODE, STACK + PAGE, native);
    CHECK_IS(system_calls, 1002);
    CHECK_IS(faults, FAULTS);
}

void processes(void)
{
    static u8 stack_of_traps[PAGE] ALIGNED;
    u32 bytes = process_end - process_start;
    for (u32 at = 0; at < bytes; at++)
        ((char *)code)[at] = process_start[at];
    CHECK_IS(map(CODE, frame_of(code) * PAGE | PRESENT | USER), 0);
    CHECK_IS(map(STACK, frame_of(stack) * PAGE | PRESENT | WRITABLE | USER), 0);
    CHECK_IS(map(KERNELS, frame_of(kernels) * PAGE | PRESENT | WRITABLE), 0);
    CHECK_IS(map(READ_ONLY, frame_of(code) * PAGE | PRESENT | USER), 0);
    CHECK_IS(call2(STACK_SWITCH, 0xe021, stack_of_traps + PAGE), 0);
    run(0);
    done("a process, entered by the hypercall iret");
    run(1);
    done("a process, entered by the instruction iret");
}
