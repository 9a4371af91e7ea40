/* The end. */
#ifndef PEBBLE_PANIC_H
#define PEBBLE_PANIC_H

#include "arch.h"
#include "types.h"

/* Prints the reason and crashes the domain: the toolstack sees SHUTDOWN_crash. */
NORETURN void panic(const char *pattern, ...) PRINTF_LIKE(1, 2);

/* The same with the registers of a trap. */
NORETURN void panic_with_frame(const struct trap_frame *frame, const char *pattern, ...)
    PRINTF_LIKE(2, 3);

/* Waits until the console has been read, then ends the domain. */
NORETURN void shut_down(unsigned reason);

#endif
