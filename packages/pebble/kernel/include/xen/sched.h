/* Giving up the processor [XEN sched.h] and asking about it [XEN vcpu.h]. */
#ifndef PEBBLE_XEN_SCHED_H
#define PEBBLE_XEN_SCHED_H

#include "types.h"

#define SCHEDOP_block 1
#define SCHEDOP_shutdown 2
#define SCHEDOP_poll 3

#define SHUTDOWN_poweroff 0
#define SHUTDOWN_reboot 1
#define SHUTDOWN_crash 3

struct sched_shutdown {
    unsigned int reason;
};

struct sched_poll {
    uint32_t *ports;
    unsigned int nr_ports;
    uint64_t timeout; /* absolute system time in ns, 0: none */
};

#define VCPUOP_get_runstate_info 4
#define VCPUOP_stop_periodic_timer 7

#define RUNSTATE_running 0

struct vcpu_runstate_info {
    int state;
    uint64_t state_entry_time;
    uint64_t time[4]; /* ns spent in each RUNSTATE_* */
};

#endif
