/* In place of the real one: hypercalls are functions of the test. */
#ifndef PEBBLE_ARCH_HYPERCALL_H
#define PEBBLE_ARCH_HYPERCALL_H

#include "arch.h"
#include "xen/core.h"

long hv_console_io(unsigned command, unsigned count, const char *text);
long hv_grant_table_op(unsigned command, void *argument, unsigned count);

#endif
