/*
 * Two threads share the VCPU: the shell, which lives in ring 1 and does all kernel
 * work, and the process, which lives in ring 3. The shell goes first: the process
 * runs while the shell waits, and every event gives the shell another look.
 */
#ifndef PEBBLE_THREAD_H
#define PEBBLE_THREAD_H

#include "types.h"

typedef bool wait_condition(void *context);

/*
 * Shell only: runs the process or idles until `ready` holds or system time reaches
 * `deadline` (0: never). Returns whether it holds. `ready` is called with upcalls masked.
 */
bool wait_until(wait_condition *ready, void *context, uint64_t deadline);

/* Process only, upcalls masked: back to the shell, until it waits again. */
void thread_to_shell(void);

/* Makes the process ready to run on a stack prepared for thread_switch. */
void thread_start_process(word_t stack_pointer);

/* Whether the process wants the processor. */
void thread_set_runnable(bool runnable);

struct thread_times {
    uint64_t shell, process, idle; /* ns */
};
struct thread_times thread_time(void);

#endif
