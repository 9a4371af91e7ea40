/*
 * A client of xenstore, the directory through which domains find each other.
 * Paths that do not begin with `/` are below the domain's own /local/domain/N.
 */
#ifndef PEBBLE_XENSTORE_H
#define PEBBLE_XENSTORE_H

#include "types.h"

/* False if this domain has no store. */
bool xenstore_init(void);

/* Each returns false if the store says no or does not answer within seconds. */
bool xenstore_read(const char *path, char *value, size_t size);
bool xenstore_read_number(const char *path, uint64_t *value);
bool xenstore_write(const char *path, const char *value);
bool xenstore_write_number(const char *path, uint64_t value);

/* The name of the first entry of a directory. */
bool xenstore_first_entry(const char *path, char *name, size_t size);

/* What is watched. The first event of a watch comes at once, as the protocol has it. */
enum watch { WATCH_SHUTDOWN, WATCH_BACK_END, WATCH_COUNT };
bool xenstore_watch(enum watch watch, const char *path);

/* Whether anything waits in the ring; to be used in a wait condition. */
bool xenstore_has_input(void);

/* Takes waiting watch events from the ring; then whether `watch` fired since last asked. */
bool xenstore_watch_fired(enum watch watch);

/* Waits until `watch` fires or system time reaches `deadline`. */
bool xenstore_wait(enum watch watch, uint64_t deadline);

#endif
