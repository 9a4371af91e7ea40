/* See console.h. Ring layout [XEN io/console.h]. */
#include "console.h"
#include "events.h"
#include "format.h"
#include "hypercall.h"
#include "memory.h"
#include "ring.h"
#include "string.h"
#include "time.h"
#include "xen/rings.h"

static volatile struct xencons_interface *ring; /* NULL until console_init, or for ever */
static uint32_t port;

void console_init(void)
{
    /* The initial domain has no ring: the field says something else there [XEN xen.h]. */
    if (!start_info->console_mfn || start_info->flags & SIF_INITDOMAIN)
        return;
    ring = page_of_mfn(start_info->console_mfn);
    port = start_info->console_evtchn;
    event_bind(port, "console", NULL);
}

/*
 * Waits for the back end to move, with upcalls masked. Polling needs the port's
 * pending bit clear first. That may swallow the event of input that has just
 * come; harmless, as input is always looked for in the ring, never remembered.
 */
static void wait_for_back_end(uint32_t out_cons, uint64_t timeout)
{
    event_clear_pending(port);
    full_barrier();
    if (ring->out_cons == out_cons)
        event_poll(port, timeout);
}

static void put_character(char character)
{
    uint32_t producer = ring->out_prod;
    for (;;) {
        uint32_t consumer = ring->out_cons;
        if (ring_free(producer, consumer, sizeof(ring->out)))
            break;
        event_send(port);
        wait_for_back_end(consumer, 0);
    }
    compiler_barrier(); /* out_cons says the old byte was read: only then overwrite it */
    ring->out[ring_place(producer, sizeof(ring->out))] = character;
    write_barrier(); /* the byte before the counter that announces it */
    ring->out_prod = producer + 1;
}

/* Terminals want a carriage return too. Without a ring: the hypervisor's own console. */
static void put(void *context, char character)
{
    (void)context;
    if (!ring) {
        hv_console_io(CONSOLEIO_write, 1, &character);
        return;
    }
    if (character == '\n')
        put_character('\r');
    put_character(character);
}

/* One notification per call, not per character. */
static void finish(bool masked)
{
    if (ring)
        event_send(port);
    upcalls_restore(masked);
}

void console_write(const char *text, size_t length)
{
    bool masked = upcalls_mask();
    while (length--)
        put(NULL, *text++);
    finish(masked);
}

void console_print_list(const char *pattern, va_list arguments)
{
    bool masked = upcalls_mask();
    format(put, NULL, pattern, arguments);
    finish(masked);
}

void console_print(const char *pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    console_print_list(pattern, arguments);
    va_end(arguments);
}

void console_drain(void)
{
    if (!ring)
        return;
    uint64_t deadline = time_now() + NS_PER_SECOND;
    bool masked = upcalls_mask();
    for (;;) {
        uint32_t consumer = ring->out_cons;
        if (ring_used(ring->out_prod, consumer) == 0 || time_now() >= deadline)
            break;
        event_send(port);
        wait_for_back_end(consumer, deadline);
    }
    upcalls_restore(masked);
}

bool console_has_input(void)
{
    return ring && ring_used(ring->in_prod, ring->in_cons);
}

int console_read(void)
{
    if (!console_has_input())
        return -1;
    uint32_t consumer = ring->in_cons;
    read_barrier(); /* the counter before the byte */
    unsigned char character = (unsigned char)ring->in[ring_place(consumer, sizeof(ring->in))];
    compiler_barrier(); /* the byte before we give its place back */
    ring->in_cons = consumer + 1;
    if (!console_has_input())
        event_send(port); /* there is room again, if the back end waits for it */
    return character;
}
