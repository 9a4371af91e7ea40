/* Time: reading the clock, and being woken by it. */
#ifndef PEBBLE_TIME_H
#define PEBBLE_TIME_H

#include "types.h"

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS 1000000u
#define NS_PER_US 1000u

/* Works as soon as shared_info is mapped. */
uint64_t time_now(void);

/* Wall clock at this moment. */
void time_wall(uint64_t *seconds, uint32_t *nanoseconds);

/* Ns since time_init. */
uint64_t time_uptime(void);

void time_init(void);

/* An alarm for wait_until; 0 to cancel. It only wakes. */
void time_set_wakeup(uint64_t deadline);

/* Prints `tick N at T ms` every period; 0 to stop. */
void time_set_tick(uint64_t period_ns);

struct time_counts {
    uint64_t timer_events;
    uint64_t ticks;
};
struct time_counts time_count(void);

/* Ns this VCPU has actually run, if the hypervisor tells. */
bool time_running(uint64_t *ns);

#endif
