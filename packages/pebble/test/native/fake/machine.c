/* Stand-ins for memory.c, events.c, thread.c, time.c and panic.c. */
#include "machine.h"
#include "events.h"
#include "grant.h"
#include "hypercall.h"
#include "memory.h"
#include "panic.h"
#include "thread.h"
#include "time.h"
#include "xen/grant.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES 128
#define FIRST_MFN 100

static uint8_t pages[PAGES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct start_info start_page;
static mfn_t next_mfn = FIRST_FREE_MFN;
static uint64_t clock;

const struct start_info *start_info = &start_page;

void *machine_page(mfn_t mfn)
{
    return pages[mfn >= FIRST_FREE_MFN ? mfn - FIRST_FREE_MFN + 3 : mfn - FIRST_MFN];
}

void machine_start(void)
{
    start_page.console_mfn = CONSOLE_MFN;
    start_page.console_evtchn = CONSOLE_PORT;
    start_page.store_mfn = STORE_MFN;
    start_page.store_evtchn = STORE_PORT;
}

/* ---- memory ---- */

void *page_of_mfn(mfn_t mfn)
{
    return machine_page(mfn);
}

mfn_t mfn_of_page(const void *page)
{
    return (mfn_t)(((const uint8_t *)page - pages[3]) / PAGE_SIZE) + FIRST_FREE_MFN;
}

void *page_alloc(void)
{
    if (next_mfn - FIRST_FREE_MFN + 3 == PAGES)
        panic("the test has no more pages");
    return machine_page(next_mfn++);
}

void map_kernel_page(void *address, mfn_t mfn)
{
    (void)address;
    (void)mfn; /* the grant table stays where the kernel has it; nobody looks at its frame */
}

/* ---- hypercalls ---- */

long hv_console_io(unsigned command, unsigned count, const char *text)
{
    (void)command;
    return fwrite(text, 1, count, stdout) != count;
}

long hv_grant_table_op(unsigned command, void *argument, unsigned count)
{
    struct gnttab_setup_table *setup = argument;
    if (command != GNTTABOP_setup_table || count != 1)
        return -1;
    setup->status = 0;
    setup->frame_list[0] = GRANT_MFN;
    return 0;
}

/* ---- events ---- */

static event_handler *handlers[16];
static bool fired[16];

void machine_fire(uint32_t port)
{
    fired[port] = true;
}

void machine_step(void)
{
    clock += 1000;
    backends_step();
    for (unsigned port = 0; port < ARRAY_LENGTH(fired); port++) {
        bool now = fired[port];
        fired[port] = false;
        if (now && handlers[port])
            handlers[port]();
    }
}

void event_bind(uint32_t port, const char *name, event_handler *handler)
{
    (void)name;
    handlers[port] = handler;
}

uint32_t event_alloc_unbound(uint16_t remote_domain)
{
    (void)remote_domain;
    return DISK_PORT;
}

void event_send(uint32_t port)
{
    (void)port; /* the back ends look at their rings in every step */
}

void event_clear_pending(uint32_t port)
{
    (void)port;
}

void event_poll(uint32_t port, uint64_t timeout)
{
    (void)port;
    (void)timeout;
    machine_step();
}

bool upcalls_mask(void)
{
    return false;
}

void upcalls_restore(bool masked)
{
    (void)masked;
}

/* ---- the rest ---- */

bool wait_until(wait_condition *ready, void *context, uint64_t deadline)
{
    while (!ready(context)) {
        if (deadline && clock >= deadline)
            return false;
        machine_step();
        if (deadline && clock % (1000 * 1000) == 0)
            clock += NS_PER_SECOND; /* long waits should not take long */
    }
    return true;
}

uint64_t time_now(void)
{
    return clock;
}

NORETURN void panic(const char *pattern, ...)
{
    printf("panic: %s\n", pattern);
    exit(2);
}
