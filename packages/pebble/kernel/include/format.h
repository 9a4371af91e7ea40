/* printf's formatter, into any place that takes characters. */
#ifndef PEBBLE_FORMAT_H
#define PEBBLE_FORMAT_H

#include "types.h"

typedef void format_sink(void *context, char character);

/*
 * Understands %c %s %d %u %x %%, with `0` and `-` flags, a width, a precision for
 * %s, and the lengths l and ll. Anything else is copied as it stands.
 */
void format(format_sink *sink, void *context, const char *pattern, va_list arguments);

/* Into a buffer, always terminated; returns the length it would have needed. */
size_t format_text(char *buffer, size_t size, const char *pattern, ...) PRINTF_LIKE(3, 4);

#endif
