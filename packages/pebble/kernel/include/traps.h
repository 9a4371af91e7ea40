/* Exceptions. */
#ifndef PEBBLE_TRAPS_H
#define PEBBLE_TRAPS_H

#include "arch.h"

/* Gives the hypervisor our table of handlers. */
void traps_init(void);

/* From entry.S: exceptions, upcalls and the failsafe callback. */
void trap_dispatch(struct trap_frame *frame);

#endif
