/*
 * Memory and strings. gcc emits calls to memcpy, memset and memcmp on its own,
 * even in freestanding code, so these must exist under these names.
 */
#ifndef PEBBLE_STRING_H
#define PEBBLE_STRING_H

#include "types.h"

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);

#endif
