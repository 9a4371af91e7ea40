/*
 * Events: the guest's interrupts.
 *
 * A port is one channel. It has a pending bit (set by the hypervisor, cleared by
 * us) and a mask bit (ours). A VCPU has an upcall-pending and an upcall-mask byte.
 */
#ifndef PEBBLE_EVENTS_H
#define PEBBLE_EVENTS_H

#include "types.h"

typedef void event_handler(void);

/* Registers the upcall handlers with the hypervisor; all ports masked. */
void events_init(void);

/* Runs `handler`, upcalls masked, whenever the port fires. A NULL handler only wakes. */
void event_bind(uint32_t port, const char *name, event_handler *handler);

/* Asks for a port that fires with a virtual interrupt of this VCPU. */
uint32_t event_bind_virq(uint32_t virq);

/* Asks for a port that another domain may bind to. */
uint32_t event_alloc_unbound(uint16_t remote_domain);

/* Makes the other end of the port pending. */
void event_send(uint32_t port);

/* Forgets that the port fired. For those that look at their ring themselves. */
void event_clear_pending(uint32_t port);

/*
 * Blocks until one of the ports is pending, or system time `timeout` (0: never).
 * Works with upcalls masked, and is thus the way to wait inside a handler.
 */
void event_poll(uint32_t port, uint64_t timeout);

/* Blocks until any event. Called with upcalls masked; returns, after the upcall, with them open. */
void event_block(void);

/* The mask: the guest's cli and sti. Mask returns the earlier state for restore. */
bool upcalls_mask(void);
void upcalls_unmask(void);
void upcalls_restore(bool masked);

/* Called by the trap code for an upcall. */
void events_dispatch(void);

/* For `events`: calls `visit` per bound port; then totals. */
void events_visit(void (*visit)(uint32_t port, const char *name, uint64_t count));
uint64_t events_upcalls(void);
uint64_t events_unbound(void);

#endif
