/* Event channels [XEN event_channel.h] and virtual interrupts [XEN xen.h]. */
#ifndef PEBBLE_XEN_EVENT_H
#define PEBBLE_XEN_EVENT_H

#include "types.h"

#define EVTCHNOP_bind_virq 1
#define EVTCHNOP_send 4
#define EVTCHNOP_alloc_unbound 6

#define VIRQ_TIMER 0

struct evtchn_bind_virq {
    uint32_t virq;
    uint32_t vcpu;
    uint32_t port; /* OUT */
};

struct evtchn_send {
    uint32_t port;
};

struct evtchn_alloc_unbound {
    uint16_t dom;
    uint16_t remote_dom;
    uint32_t port; /* OUT */
};

#endif
