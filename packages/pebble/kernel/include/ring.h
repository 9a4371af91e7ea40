/*
 * Ring arithmetic [XEN io/ring.h]. Counters run freely through 2^32, so all
 * comparisons are differences; sizes are powers of two.
 */
#ifndef PEBBLE_RING_H
#define PEBBLE_RING_H

#include "types.h"

/* Bytes or entries that the consumer has still to take. */
static inline uint32_t ring_used(uint32_t producer, uint32_t consumer)
{
    return producer - consumer;
}

static inline uint32_t ring_free(uint32_t producer, uint32_t consumer, uint32_t size)
{
    return size - (producer - consumer);
}

static inline uint32_t ring_place(uint32_t counter, uint32_t size)
{
    return counter & (size - 1);
}

/* Places from `counter` to the end of the array: what one copy can move. */
static inline uint32_t ring_run(uint32_t counter, uint32_t size)
{
    return size - ring_place(counter, size);
}

/*
 * The other side sleeps until the producer passes `event`. Having moved it from
 * `old` to `new`, must we wake it? Yes, if `event` lies in (old, new].
 */
static inline bool ring_must_notify(uint32_t old, uint32_t new, uint32_t event)
{
    return (uint32_t)(new - event) < (uint32_t)(new - old);
}

#endif
