/* See thread.h. */
#include "thread.h"
#include "arch.h"
#include "events.h"
#include "time.h"

static word_t shell_stack, process_stack; /* where each stopped */
static bool process_runnable;
static struct thread_times times;
static uint64_t accounted_until;

/* Charges the time since the last call to `account`. */
static void charge(uint64_t *account)
{
    uint64_t now = time_now();
    if (accounted_until)
        *account += now - accounted_until;
    accounted_until = now;
}

void thread_start_process(word_t stack_pointer)
{
    process_stack = stack_pointer;
    process_runnable = true;
}

void thread_set_runnable(bool runnable)
{
    process_runnable = runnable;
}

/*
 * Both switches happen with upcalls masked. What clears the mask is the exit of the
 * thread switched to: the iret hypercall, or the unmask that it has ahead.
 */
static void run_process(void)
{
    charge(&times.shell);
    thread_switch(&shell_stack, process_stack);
    charge(&times.process);
}

void thread_to_shell(void)
{
    thread_switch(&process_stack, shell_stack);
}

static void idle(void)
{
    charge(&times.shell);
    event_block(); /* clears the mask, and the upcall has run when it returns */
    upcalls_mask();
    charge(&times.idle);
}

/*
 * The condition is tested with upcalls masked, and blocking unmasks in one step with
 * looking for pending events [XEN sched.h, SCHEDOP_block]. So an event between the
 * test and the sleep cannot be missed.
 */
bool wait_until(wait_condition *ready, void *context, uint64_t deadline)
{
    bool masked = upcalls_mask();
    bool holds;
    while (!(holds = ready(context)) && !(deadline && time_now() >= deadline)) {
        time_set_wakeup(deadline);
        if (process_runnable)
            run_process();
        else
            idle();
    }
    time_set_wakeup(0);
    upcalls_restore(masked);
    return holds;
}

struct thread_times thread_time(void)
{
    bool masked = upcalls_mask();
    charge(&times.shell);
    struct thread_times copy = times;
    upcalls_restore(masked);
    return copy;
}
