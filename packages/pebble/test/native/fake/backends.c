/*
 * The other side of the three rings, deliberately awkward: bytes trickle, block
 * requests complete in reverse order, nothing happens unless somebody waits.
 */
#include "machine.h"
#include "arch.h"
#include "blkfront.h"
#include "ring.h"
#include "string.h"
#include "xen/rings.h"

#include <stdio.h>
#include <stdlib.h>

#define TRICKLE 7 /* bytes per step */

/* ---- console ---- */

char console_output[16384];
static size_t console_length;

static void console_step(void)
{
    struct xencons_interface *ring = machine_page(CONSOLE_MFN);
    for (int i = 0; i < 50 * TRICKLE && ring_used(ring->out_prod, ring->out_cons); i++)
        if (console_length < sizeof(console_output) - 1)
            console_output[console_length++] =
                ring->out[ring_place(ring->out_cons++, sizeof(ring->out))];
}

void console_type(const char *text)
{
    struct xencons_interface *ring = machine_page(CONSOLE_MFN);
    while (*text)
        ring->in[ring_place(ring->in_prod++, sizeof(ring->in))] = *text++;
}

/* ---- store ---- */

static struct node {
    char path[64], value[128];
} nodes[32];
static char watched[64], watch_token[8];

static char request[XENSTORE_PAYLOAD_MAX + 16], answers[16384];
static size_t request_length, answers_length, answers_sent;

static struct node *find_node(const char *path)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(nodes); i++)
        if (strcmp(nodes[i].path, path) == 0)
            return &nodes[i];
    return NULL;
}

const char *store_get(const char *path)
{
    struct node *node = find_node(path);
    return node && *path ? node->value : NULL;
}

static void answer(uint32_t type, const char *payload, size_t length)
{
    struct xsd_sockmsg header = { .type = type, .len = (uint32_t)length };
    memcpy(answers + answers_length, &header, sizeof(header));
    memcpy(answers + answers_length + sizeof(header), payload, length);
    answers_length += sizeof(header) + length;
}

static void fire_watch(void)
{
    char payload[80];
    size_t path_length = strlen(watched) + 1, token_length = strlen(watch_token) + 1;
    memcpy(payload, watched, path_length);
    memcpy(payload + path_length, watch_token, token_length);
    answer(XS_WATCH_EVENT, payload, path_length + token_length);
}

void store_set(const char *path, const char *value)
{
    struct node *node = find_node(path);
    if (!node)
        node = find_node("");
    snprintf(node->path, sizeof(node->path), "%s", path);
    snprintf(node->value, sizeof(node->value), "%s", value);
    if (*watched && strcmp(path, watched) == 0)
        fire_watch();
}

static void store_request(const struct xsd_sockmsg *header, const char *payload)
{
    const char *rest = payload + strlen(payload) + 1;
    char value[128];
    snprintf(value, sizeof(value), "%.*s", (int)(payload + header->len - rest), rest);
    const char *found = store_get(payload);
    switch (header->type) {
    case XS_READ:
    case XS_DIRECTORY:
        if (found)
            answer(header->type, found, strlen(found));
        else
            answer(XS_ERROR, "ENOENT", 7);
        break;
    case XS_WRITE:
        store_set(payload, value);
        answer(XS_WRITE, "OK", 3);
        break;
    case XS_WATCH:
        snprintf(watched, sizeof(watched), "%s", payload);
        snprintf(watch_token, sizeof(watch_token), "%s", rest);
        answer(XS_WATCH, "OK", 3);
        fire_watch();
        break;
    default:
        answer(XS_ERROR, "ENOSYS", 7);
    }
}

static void store_step(void)
{
    struct xenstore_domain_interface *ring = machine_page(STORE_MFN);
    for (int i = 0; i < TRICKLE && ring_used(ring->req_prod, ring->req_cons); i++)
        request[request_length++] = ring->req[ring_place(ring->req_cons++, XENSTORE_RING_SIZE)];
    struct xsd_sockmsg header;
    memcpy(&header, request, sizeof(header));
    if (request_length >= sizeof(header) && request_length == sizeof(header) + header.len) {
        store_request(&header, request + sizeof(header));
        request_length = 0;
    }
    for (int i = 0; i < TRICKLE && answers_sent < answers_length; i++)
        ring->rsp[ring_place(ring->rsp_prod++, XENSTORE_RING_SIZE)] = answers[answers_sent++];
    machine_fire(STORE_PORT);
}

/* ---- disk ---- */

uint8_t disk_image[DISK_SECTORS * SECTOR_SIZE];
unsigned disk_flushes;
static struct blkif_ring *ring;

/* The test's grant table is not the hypervisor's: references count pages from the first grant on. */
static uint8_t *granted(uint32_t reference)
{
    return machine_page(FIRST_FREE_MFN + (reference - 8));
}

static void disk_connect(void)
{
    const char *state = store_get("device/vbd/51712/state");
    if (ring || !state || strcmp(state, "3") != 0)
        return;
    ring = (struct blkif_ring *)granted((uint32_t)atoi(store_get("device/vbd/51712/ring-ref")));
    store_set("/back/sectors", "1000");
    store_set("/back/sector-size", "512");
    store_set("/back/info", "0");
    store_set("/back/feature-flush-cache", "1");
    store_set("/back/state", "4");
}

static int16_t disk_request(const struct blkif_request *work)
{
    uint64_t at = work->sector_number;
    if (work->operation == BLKIF_OP_FLUSH_DISKCACHE) {
        disk_flushes++;
        return BLKIF_RSP_OKAY;
    }
    for (unsigned i = 0; i < work->nr_segments; i++) {
        for (unsigned s = work->seg[i].first_sect; s <= work->seg[i].last_sect; s++, at++) {
            uint8_t *memory = granted(work->seg[i].gref) + s * SECTOR_SIZE;
            uint8_t *medium = disk_image + at * SECTOR_SIZE;
            if (at >= DISK_SECTORS)
                return -1;
            if (work->operation == BLKIF_OP_READ)
                memcpy(memory, medium, SECTOR_SIZE);
            else
                memcpy(medium, memory, SECTOR_SIZE);
        }
    }
    return BLKIF_RSP_OKAY;
}

/* All that is there, last first. */
static void disk_step(void)
{
    struct blkif_request batch[BLKIF_RING_ENTRIES];
    static uint32_t taken;
    unsigned count = 0;
    if (!ring)
        return;
    for (; taken != ring->head.req_prod; taken++)
        batch[count++] = ring->entry[ring_place(taken, BLKIF_RING_ENTRIES)].request;
    ring->head.req_event = taken + 1;
    while (count) {
        const struct blkif_request *work = &batch[--count];
        uint32_t old = ring->head.rsp_prod;
        ring->entry[ring_place(old, BLKIF_RING_ENTRIES)].response = (struct blkif_response){
            .id = work->id, .operation = work->operation, .status = disk_request(work)
        };
        ring->head.rsp_prod = old + 1;
        if (ring_must_notify(old, old + 1, ring->head.rsp_event))
            machine_fire(DISK_PORT);
    }
}

void backends_step(void)
{
    console_step();
    store_step();
    disk_connect();
    disk_step();
}
