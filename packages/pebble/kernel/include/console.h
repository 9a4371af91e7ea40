/*
 * The console: a ring of bytes each way, shared with a back end in another domain.
 * Output is never dropped: when the ring is full we wait.
 */
#ifndef PEBBLE_CONSOLE_H
#define PEBBLE_CONSOLE_H

#include "types.h"

void console_init(void);

/* Each call appears as a whole: a handler's output never lands in the middle. */
void console_write(const char *text, size_t length);
void console_print(const char *pattern, ...) PRINTF_LIKE(1, 2);
void console_print_list(const char *pattern, va_list arguments);

/* Waits, a second at most, until the back end has taken all output. */
void console_drain(void);

bool console_has_input(void);

/* The next input character, or -1. */
int console_read(void);

#endif
