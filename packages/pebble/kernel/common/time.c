/* See time.h. */
#include "time.h"
#include "clock.h"
#include "console.h"
#include "events.h"
#include "hypercall.h"
#include "memory.h"
#include "xen/event.h"
#include "xen/sched.h"

static uint64_t boot_time;
static uint64_t wakeup_at;            /* 0: not set */
static uint64_t tick_at, tick_period; /* period 0: no ticks */
static struct time_counts counts;

/*
 * The hypervisor writes the record whenever it schedules us; the version is odd
 * while it does. So: read the version, the rest, and the version again
 * [XEN xen.h, vcpu_time_info].
 */
uint64_t time_now(void)
{
    const volatile struct vcpu_time_info *time = &this_vcpu()->time;
    uint32_t version;
    uint64_t now;
    do {
        version = time->version & ~1u;
        read_barrier();
        uint64_t cycles = read_tsc() - time->tsc_timestamp;
        now = time->system_time + cycles_to_ns(cycles, time->tsc_to_system_mul, time->tsc_shift);
        read_barrier();
    } while (time->version != version);
    return now;
}

/* wc_* is what the clock on the wall said at system time 0; the same version rule. */
void time_wall(uint64_t *seconds, uint32_t *nanoseconds)
{
    uint32_t version, sec, nsec;
    do {
        version = shared_info->wc_version & ~1u;
        read_barrier();
        sec = shared_info->wc_sec;
        nsec = shared_info->wc_nsec;
        read_barrier();
    } while (shared_info->wc_version != version);
    uint32_t rest;
    *seconds = sec + divide(time_now() + nsec, NS_PER_SECOND, &rest);
    *nanoseconds = rest;
}

uint64_t time_uptime(void)
{
    return time_now() - boot_time;
}

/* The one-shot timer serves two deadlines: the nearer is programmed; 0 switches it off. */
static void program_timer(void)
{
    uint64_t next = wakeup_at;
    if (tick_period && (!next || tick_at < next))
        next = tick_at;
    hv_set_timer_op(next);
}

static void tick(uint64_t now)
{
    counts.ticks++;
    console_print("tick %llu at %llu ms\n", counts.ticks, divide(now - boot_time, NS_PER_MS, NULL));
    tick_at += tick_period;
    if (tick_at <= now) /* we did not run for long: skip what was missed, keep no backlog */
        tick_at = now + tick_period;
}

/* VIRQ_TIMER: may come early or late, so it decides by the clock. */
static void timer_event(void)
{
    uint64_t now = time_now();
    counts.timer_events++;
    if (wakeup_at && wakeup_at <= now)
        wakeup_at = 0;
    if (tick_period && tick_at <= now)
        tick(now);
    program_timer();
}

void time_init(void)
{
    boot_time = time_now();
    event_bind(event_bind_virq(VIRQ_TIMER), "timer", timer_event);
    /* Xen gives a new VCPU a 100 Hz tick; an idle pebble wants to sleep. May not exist. */
    hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
}

void time_set_wakeup(uint64_t deadline)
{
    if (wakeup_at == deadline)
        return;
    wakeup_at = deadline;
    program_timer();
}

void time_set_tick(uint64_t period_ns)
{
    bool masked = upcalls_mask();
    tick_period = period_ns;
    tick_at = time_now() + period_ns;
    program_timer();
    upcalls_restore(masked);
}

struct time_counts time_count(void)
{
    return counts;
}

bool time_running(uint64_t *ns)
{
    struct vcpu_runstate_info info;
    if (hv_vcpu_op(VCPUOP_get_runstate_info, 0, &info))
        return false;
    *ns = info.time[RUNSTATE_running];
    return true;
}
