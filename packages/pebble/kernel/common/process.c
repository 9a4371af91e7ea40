/* See process.h. */
#include "process.h"
#include "../user/abi.h"
#include "console.h"
#include "events.h"
#include "hypercall.h"
#include "memory.h"
#include "panic.h"
#include "string.h"
#include "thread.h"
#include "time.h"

extern const uint8_t user_image[], user_image_end[]; /* start.S */

/* The ring-1 stack of the process: used from its traps on, empty while it is in ring 3. */
static uint8_t kernel_stack[PAGE_SIZE] __attribute__((aligned(16)));

#define MAX_DEATHS_IN_A_ROW 3

static uint8_t *text_page, *data_page, *stack_page; /* as the kernel sees them */

static struct process_counts counts;
static unsigned deaths_in_a_row;
static bool dead;

static enum { JOB_NONE, JOB_POSTED, JOB_TAKEN, JOB_DONE, JOB_KILLED } job_state;
static struct job job;

/* Fresh memory: the program as linked, the rest zero. */
static void load_program(void)
{
    size_t size = (size_t)(user_image_end - user_image);
    size_t text_size = size < PAGE_SIZE ? size : PAGE_SIZE;
    memcpy(text_page, user_image, text_size);
    memset(data_page, 0, PAGE_SIZE);
    memcpy(data_page, user_image + text_size, size - text_size);
    memset(stack_page, 0, PAGE_SIZE);
    counts.starts++;
}

void process_init(void)
{
    text_page = page_alloc();
    data_page = page_alloc();
    stack_page = page_alloc();
    load_program();
    map_user_page(USER_TEXT, mfn_of_page(text_page), false);
    map_user_page(USER_DATA, mfn_of_page(data_page), true);
    map_user_page(USER_STACK, mfn_of_page(stack_page), true);
    make_user_root(USER_TEXT);

    /*
     * Where the processor finds a stack when ring 3 enters ring 1: always the top,
     * as the stack is empty then. Xen puts it into its TSS [XEN xen.h, stack_switch].
     */
    uint8_t *top = kernel_stack + sizeof(kernel_stack);
    if (hv_stack_switch((word_t)top))
        panic("stack_switch refused");

    /* A stack as if the process had been interrupted before its first instruction. */
    struct trap_frame *frame = (struct trap_frame *)top - 1;
    frame_start_user(frame, USER_TEXT, USER_STACK_TOP);
    struct switch_frame *resume = (struct switch_frame *)frame - 1;
    *resume = (struct switch_frame){ .return_address = (word_t)trap_return };
    thread_start_process((word_t)resume);
}

/* ---- death and rebirth ---- */

/* A program that dies before it asks for its first job would die for ever. */
static NORETURN void give_up(void)
{
    console_print("process: died too often, given up\n");
    dead = true;
    thread_set_runnable(false);
    upcalls_mask();
    for (;;)
        thread_to_shell();
}

/*
 * Both exits of entry.S restore whatever the frame says, so to start the process
 * again is to rewrite the frame it came with.
 */
static void restart(struct trap_frame *frame)
{
    if (job_state == JOB_TAKEN)
        job_state = JOB_KILLED;
    if (++deaths_in_a_row > MAX_DEATHS_IN_A_ROW)
        give_up();
    load_program();
    frame_start_user(frame, USER_TEXT, USER_STACK_TOP);
}

void process_fault(struct trap_frame *frame, const struct fault *fault)
{
    counts.faults++;
    console_print("process: %s at 0x%08lx, error %lx, ip 0x%08lx: killed and started again\n",
                  fault->name, fault->address, fault->error, frame_ip(frame));
    restart(frame);
}

/* ---- system calls ---- */

/*
 * A pointer from ring 3 may point anywhere, and ring 1 could follow it everywhere;
 * only what the process could reach itself is accepted.
 */
static void *user_pointer(word_t address, size_t length)
{
    if (address >= USER_TEXT && address < USER_DATA + PAGE_SIZE &&
        length <= USER_DATA + PAGE_SIZE - address)
        return (void *)address;
    if (address >= USER_STACK && address < USER_STACK_TOP && length <= USER_STACK_TOP - address)
        return (void *)address;
    return NULL;
}

static void yield(void)
{
    upcalls_mask();
    thread_to_shell();
    upcalls_unmask();
}

static int64_t write(word_t address, word_t length)
{
    const char *text = user_pointer(address, length);
    if (!text)
        return -1;
    console_write(text, length);
    return (int64_t)length;
}

static int64_t next_job(word_t address)
{
    if (address < USER_DATA || !user_pointer(address, sizeof(struct job)))
        return -1;
    volatile struct job *theirs = (volatile struct job *)address;
    if (job_state == JOB_TAKEN) {
        job.result = theirs->result;
        job_state = JOB_DONE;
    }
    deaths_in_a_row = 0;
    while (job_state != JOB_POSTED) {
        thread_set_runnable(false);
        yield();
    }
    theirs->kind = job.kind;
    theirs->count = job.count;
    job_state = JOB_TAKEN;
    return 0;
}

void syscall_dispatch(struct trap_frame *frame)
{
    counts.syscalls++;
    int64_t result = 0;
    switch (frame_syscall_number(frame)) {
    case SYSCALL_NULL:
        break;
    case SYSCALL_EXIT:
        console_print("process: exited with status %d: started again\n",
                      (int)frame_syscall_argument(frame, 0));
        restart(frame);
        return; /* the frame is a fresh one: no result to put into it */
    case SYSCALL_WRITE:
        result = write(frame_syscall_argument(frame, 0), frame_syscall_argument(frame, 1));
        break;
    case SYSCALL_YIELD:
        yield();
        break;
    case SYSCALL_GETTICKS:
        result = (int64_t)time_now();
        break;
    case SYSCALL_JOB:
        result = next_job(frame_syscall_argument(frame, 0));
        break;
    default:
        result = -1;
    }
    frame_set_result(frame, result);
}

/* ---- the shell's side ---- */

static bool job_finished(void *context)
{
    (void)context;
    return job_state == JOB_DONE || job_state == JOB_KILLED || dead;
}

bool process_do(unsigned kind, uint64_t count, uint64_t *result)
{
    if (dead)
        return false;
    job = (struct job){ .kind = kind, .count = count };
    job_state = JOB_POSTED;
    thread_set_runnable(true);
    wait_until(job_finished, NULL, 0);
    bool done = job_state == JOB_DONE;
    job_state = JOB_NONE;
    if (result)
        *result = job.result;
    return done;
}

struct process_counts process_count(void)
{
    counts.state = dead ? "dead" : "sleeping"; /* who asks is the shell, so it does not run */
    return counts;
}
