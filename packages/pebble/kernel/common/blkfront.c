/*
 * See blkfront.h. Requests and responses [XEN io/blkif.h]; the handshake that comes
 * first is in blkconnect.c.
 *
 * Four slots, each with eleven pages, granted once to the back end's domain and used again and
 * again. A slot is a request's identity: completion finds it by its id, in any order.
 */
#include "blkfront.h"
#include "blkring.h"
#include "events.h"
#include "grant.h"
#include "memory.h"
#include "panic.h"
#include "ring.h"
#include "string.h"
#include "thread.h"

#define SLOTS 4
#define SLOT_PAGES BLKIF_MAX_SEGMENTS_PER_REQUEST
#define SECTORS_PER_PAGE (PAGE_SIZE / SECTOR_SIZE)
#define SLOT_SECTORS (SLOT_PAGES * SECTORS_PER_PAGE)

struct disk disk;

static struct slot {
    uint8_t *page[SLOT_PAGES];
    uint32_t gref[SLOT_PAGES];
    uint32_t sectors;
    volatile bool done; /* set by the event handler */
    int16_t status;
} slots[SLOTS];

static struct blkif_ring *ring;
static volatile struct ring_header *head;
static uint32_t responses_taken;
static uint32_t port;
static uint16_t handle;

/* ---- the ring ---- */

/* Runs upcalls masked. */
static void take_responses(void)
{
    do {
        uint32_t producer = head->rsp_prod;
        read_barrier();
        for (; responses_taken != producer; responses_taken++) {
            const struct blkif_response *response =
                &ring->entry[ring_place(responses_taken, BLKIF_RING_ENTRIES)].response;
            if (response->id >= SLOTS)
                panic("blkfront: response for request %llu, which is none of ours", response->id);
            struct slot *slot = &slots[response->id];
            slot->status = response->status;
            slot->done = true;
        }
        /* Ask to be told of the next one; it may have come before we asked. */
        head->rsp_event = responses_taken + 1;
        full_barrier();
    } while (head->rsp_prod != responses_taken);
}

/* The request is complete in the ring: show it, and wake the back end if it sleeps. */
static void push_request(void)
{
    uint32_t old = head->req_prod;
    write_barrier();
    head->req_prod = old + 1;
    full_barrier(); /* our counter out before its event in, or both may sleep */
    disk.requests++;
    if (ring_must_notify(old, old + 1, head->req_event))
        event_send(port);
}

/* There are more ring entries than slots, so the next entry is always free. */
static void submit(unsigned number, uint8_t operation, uint64_t sector, uint32_t sectors)
{
    struct slot *slot = &slots[number];
    struct blkif_request *request =
        &ring->entry[ring_place(head->req_prod, BLKIF_RING_ENTRIES)].request;
    *request = (struct blkif_request){
        .operation = operation,
        .handle = handle,
        .id = number,
        .sector_number = sector,
    };
    for (uint32_t left = sectors; left;) {
        uint32_t here = left < SECTORS_PER_PAGE ? left : SECTORS_PER_PAGE;
        request->seg[request->nr_segments] = (struct blkif_segment){
            .gref = slot->gref[request->nr_segments],
            .first_sect = 0,
            .last_sect = (uint8_t)(here - 1),
        };
        request->nr_segments++;
        left -= here;
    }
    slot->sectors = sectors;
    slot->done = false;
    push_request();
}

static bool slot_done(void *context)
{
    return ((struct slot *)context)->done;
}

static bool finish(unsigned number)
{
    wait_until(slot_done, &slots[number], 0);
    return slots[number].status == BLKIF_RSP_OKAY;
}

/* ---- what the shell uses ---- */

/*
 * Keeps all slots busy: while the reader looks at the oldest, the back end works on the
 * others. `next` and `oldest` count requests; a request's slot is its number modulo SLOTS.
 */
bool disk_read(uint64_t sector, uint64_t count, disk_reader *reader, void *context)
{
    uint64_t end = sector + count;
    bool good = true;
    unsigned next = 0, oldest = 0;
    while (sector < end || oldest != next) {
        while (good && sector < end && next - oldest < SLOTS) {
            uint32_t sectors = end - sector < SLOT_SECTORS ? (uint32_t)(end - sector) : SLOT_SECTORS;
            submit(next++ % SLOTS, BLKIF_OP_READ, sector, sectors);
            sector += sectors;
        }
        if (oldest == next)
            break; /* after an error: nothing is under way any more */
        struct slot *slot = &slots[oldest % SLOTS];
        good = finish(oldest++ % SLOTS) && good;
        uint32_t left = good ? slot->sectors * SECTOR_SIZE : 0;
        for (unsigned page = 0; left; page++) {
            uint32_t here = left < PAGE_SIZE ? left : PAGE_SIZE;
            reader(context, slot->page[page], here);
            left -= here;
        }
    }
    return good;
}

bool disk_write(uint64_t sector, const uint8_t data[SECTOR_SIZE])
{
    memcpy(slots[0].page[0], data, SECTOR_SIZE);
    submit(0, BLKIF_OP_WRITE, sector, 1);
    return finish(0);
}

bool disk_flush(void)
{
    if (!disk.can_flush)
        return true;
    submit(0, BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    return finish(0);
}

/* ---- for blkconnect.c ---- */

void blkring_create(uint16_t device_handle, uint32_t *ring_reference, uint32_t *event_channel)
{
    handle = device_handle;
    ring = page_alloc();
    head = &ring->head;
    /* Both sides want to hear of the first message [XEN io/ring.h]. */
    head->req_event = head->rsp_event = 1;
    *ring_reference = grant_page(disk.back_end, ring);

    for (unsigned i = 0; i < SLOTS; i++) {
        for (unsigned page = 0; page < SLOT_PAGES; page++) {
            slots[i].page[page] = page_alloc();
            slots[i].gref[page] = grant_page(disk.back_end, slots[i].page[page]);
        }
    }

    port = event_alloc_unbound(disk.back_end);
    event_bind(port, "disk", take_responses);
    *event_channel = port;
}
