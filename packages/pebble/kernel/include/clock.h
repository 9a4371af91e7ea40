/* The formula of the paravirtual clock, apart from where its inputs come from. */
#ifndef PEBBLE_CLOCK_H
#define PEBBLE_CLOCK_H

#include "types.h"

/*
 * Processor cycles to nanoseconds: ((cycles << shift) * multiplier) >> 32, the
 * shift being to the right if negative [XEN xen.h, vcpu_time_info].
 *
 * The product may need 96 bits. It is done in halves: the high half's product is
 * worth 2^32 more, which cancels its share of the shift exactly.
 */
static inline uint64_t cycles_to_ns(uint64_t cycles, uint32_t multiplier, int8_t shift)
{
    cycles = shift < 0 ? cycles >> -shift : cycles << shift;
    uint64_t low = (cycles & 0xffffffffu) * multiplier;
    uint64_t high = (cycles >> 32) * multiplier;
    return high + (low >> 32);
}

#endif
