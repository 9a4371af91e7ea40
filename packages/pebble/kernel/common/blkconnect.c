/*
 * How a block device comes up. Each side has a directory in the store, and a state in it
 * [XEN io/xenbus.h]; each waits for the other's state and then does its next step:
 *
 *   front: Initialising          (set by the toolstack)
 *   back:  InitWait              it has a disk and waits for our ring
 *   front: ring-ref, event-channel, protocol; then Initialised
 *   back:  maps the ring; sectors, sector-size, features; then Connected
 *   front: reads these; then Connected
 */
#include "blkring.h"
#include "blkfront.h"
#include "console.h"
#include "format.h"
#include "grant.h"
#include "arch.h"
#include "string.h"
#include "text.h"
#include "time.h"
#include "xenstore.h"

#define CONNECT_TIMEOUT (30 * NS_PER_SECOND)
#define PATH_LENGTH 96

#define XVDA 51712 /* major 202, minor 0 [XEN io/blkif.h] */

static char front[PATH_LENGTH], back[PATH_LENGTH];

static const char *path(const char *directory, const char *node)
{
    static char joined[2 * PATH_LENGTH];
    format_text(joined, sizeof(joined), "%s/%s", directory, node);
    return joined;
}

static bool refuse(const char *reason)
{
    disk.reason = reason;
    return false;
}

static uint64_t back_number(const char *node, uint64_t otherwise)
{
    uint64_t value;
    return xenstore_read_number(path(back, node), &value) ? value : otherwise;
}

static bool set_state(enum xenbus_state state)
{
    return xenstore_write_number(path(front, "state"), state);
}

/* Waits until the back end is in `wanted` or beyond; it never goes back while it works. */
static bool wait_for_back_end(enum xenbus_state wanted)
{
    uint64_t deadline = time_now() + CONNECT_TIMEOUT;
    for (;;) {
        uint64_t state = back_number("state", XenbusStateUnknown);
        if (state >= XenbusStateClosing)
            return refuse("the back end closed");
        if (state >= wanted)
            return true;
        if (!xenstore_wait(WATCH_BACK_END, deadline))
            return refuse("the back end does not connect");
    }
}

/* Finds xvda or else the first device, its back end, and where both keep their nodes. */
static bool find_device(uint64_t *device)
{
    char name[16];
    if (!xenstore_first_entry("device/vbd", name, sizeof(name)) || !parse_number(name, device))
        return refuse("no device");
    format_text(front, sizeof(front), "device/vbd/%u", XVDA);
    if (xenstore_read(path(front, "backend"), back, sizeof(back)))
        *device = XVDA; /* wherever it stands in the list */
    else
        format_text(front, sizeof(front), "device/vbd/%s", name);

    uint64_t domain;
    if (!xenstore_read(path(front, "backend"), back, sizeof(back)) ||
        !xenstore_read_number(path(front, "backend-id"), &domain))
        return refuse("the device names no back end");
    disk.back_end = (uint16_t)domain;

    if (*device >= XVDA && *device < XVDA + 16 * 26 && *device % 16 == 0)
        format_text(disk.name, sizeof(disk.name), "xvd%c", (char)('a' + (*device - XVDA) / 16));
    else
        format_text(disk.name, sizeof(disk.name), "%llu", *device);
    return true;
}

static bool offer_ring(uint64_t device)
{
    uint32_t ring_reference, event_channel;
    blkring_create((uint16_t)device, &ring_reference, &event_channel);
    bool written = xenstore_write_number(path(front, "ring-ref"), ring_reference) &&
                   xenstore_write_number(path(front, "event-channel"), event_channel) &&
                   xenstore_write(path(front, "protocol"), BLKIF_PROTOCOL) &&
                   set_state(XenbusStateInitialised);
    return written || refuse("the store took no ring");
}

static bool read_geometry(void)
{
    disk.sectors = back_number("sectors", 0);
    disk.info = (uint32_t)back_number("info", 0);
    disk.can_flush = back_number("feature-flush-cache", 0) != 0;
    if (back_number("sector-size", SECTOR_SIZE) != SECTOR_SIZE)
        return refuse("its sectors are not of 512 bytes");
    if (!disk.sectors)
        return refuse("it has no sectors");
    return true;
}

static bool connect(void)
{
    uint64_t device;
    if (!find_device(&device))
        return false;
    if (!grant_init())
        return refuse("no grant table");
    if (!xenstore_watch(WATCH_BACK_END, path(back, "state")))
        return refuse("the back end cannot be watched");
    return wait_for_back_end(XenbusStateInitWait) && offer_ring(device) &&
           wait_for_back_end(XenbusStateConnected) && read_geometry() &&
           (set_state(XenbusStateConnected) || refuse("the store took no state"));
}

void blkfront_init(void)
{
    disk.connected = connect();
    if (!disk.connected && front[0])
        set_state(XenbusStateClosed);
}
