/* The one process: its pages, its life, its system calls. */
#ifndef PEBBLE_PROCESS_H
#define PEBBLE_PROCESS_H

#include "arch.h"

struct fault {
    const char *name;
    word_t vector, error, address;
};

/* Makes the pages and the first frame. It runs when the shell waits. */
void process_init(void);

/* An exception in ring 3: kills the process and starts it again, in place. */
void process_fault(struct trap_frame *frame, const struct fault *fault);

/* From entry.S, upcalls open. */
void syscall_dispatch(struct trap_frame *frame);

/*
 * Shell only: has the process do a job (user/abi.h) and waits. False if it died on
 * the way; else *result is what it reported.
 */
bool process_do(unsigned kind, uint64_t count, uint64_t *result);

struct process_counts {
    const char *state;
    uint64_t syscalls;
    uint64_t faults;
    uint64_t starts;
};
struct process_counts process_count(void);

#endif
