/*
 * See xenstore.h. Wire protocol [XEN io/xs_wire.h].
 *
 * One request at a time, by the shell. Answers and watch events come through the same ring,
 * so while waiting for an answer watch events are noted on the way.
 */
#include "xenstore.h"
#include "console.h"
#include "events.h"
#include "format.h"
#include "memory.h"
#include "ring.h"
#include "string.h"
#include "text.h"
#include "thread.h"
#include "time.h"
#include "xen/rings.h"

#define ANSWER_TIMEOUT (10 * NS_PER_SECOND)

static volatile struct xenstore_domain_interface *ring; /* NULL: no store, or one that failed */
static uint32_t port;
static uint32_t request_id;
static bool fired[WATCH_COUNT];

bool xenstore_init(void)
{
    if (!start_info->store_mfn)
        return false;
    ring = page_of_mfn(start_info->store_mfn);
    port = start_info->store_evtchn;
    event_bind(port, "xenstore", NULL);
    return true;
}

/* ---- bytes ---- */

bool xenstore_has_input(void)
{
    return ring && ring_used(ring->rsp_prod, ring->rsp_cons);
}

static bool has_input(void *context)
{
    (void)context;
    return xenstore_has_input();
}

static bool has_room(void *context)
{
    (void)context;
    return ring_free(ring->req_prod, ring->req_cons, XENSTORE_RING_SIZE) != 0;
}

static bool fail(const char *reason)
{
    console_print("xenstore: %s\n", reason);
    ring = NULL;
    return false;
}

/* The daemon is woken when the message is complete, or when there is no room for the rest. */
static bool put_bytes(const void *data, size_t length)
{
    const char *from = data;
    while (length) {
        if (!has_room(NULL))
            event_send(port);
        if (!wait_until(has_room, NULL, time_now() + ANSWER_TIMEOUT))
            return fail("the ring stays full");
        uint32_t producer = ring->req_prod;
        uint32_t room = ring_free(producer, ring->req_cons, XENSTORE_RING_SIZE);
        compiler_barrier();
        for (; room && length; room--, length--)
            ring->req[ring_place(producer++, XENSTORE_RING_SIZE)] = *from++;
        write_barrier();
        ring->req_prod = producer;
    }
    return true;
}

/* `data` may be NULL: the bytes are dropped. */
static bool get_bytes(void *data, size_t length)
{
    char *to = data;
    while (length) {
        if (!wait_until(has_input, NULL, time_now() + ANSWER_TIMEOUT))
            return fail("no answer");
        uint32_t consumer = ring->rsp_cons;
        uint32_t there = ring_used(ring->rsp_prod, consumer);
        read_barrier();
        for (; there && length; there--, length--, consumer++)
            if (to)
                *to++ = ring->rsp[ring_place(consumer, XENSTORE_RING_SIZE)];
        compiler_barrier();
        ring->rsp_cons = consumer;
        if (!xenstore_has_input())
            event_send(port); /* the daemon may have more than fitted */
    }
    return true;
}

/* ---- messages ---- */

/* Reads a payload into `text`, terminated, dropping what does not fit. */
static bool get_payload(uint32_t length, char *text, size_t size)
{
    size_t kept = length < size ? length : size - 1;
    if (!get_bytes(text, kept) || !get_bytes(NULL, length - kept))
        return false;
    text[kept] = 0;
    return true;
}

/* A watch event's payload is path, NUL, token, NUL; our tokens are one digit each. */
static bool get_watch_event(uint32_t length)
{
    char last[2] = { 0 };
    if (length < 2)
        return fail("watch event without a token");
    if (!get_bytes(NULL, length - 2) || !get_bytes(last, 2))
        return false;
    unsigned watch = (unsigned)(last[0] - '0');
    if (watch < WATCH_COUNT)
        fired[watch] = true;
    return true;
}

/* The next message that is not a watch event, for which *is_answer is false and nothing is kept. */
static bool get_message(char *text, size_t size, bool *is_answer, uint32_t *type, uint32_t *length)
{
    struct xsd_sockmsg header;
    if (!get_bytes(&header, sizeof(header)))
        return false;
    if (header.len > XENSTORE_PAYLOAD_MAX)
        return fail("message too long");
    *is_answer = header.type != XS_WATCH_EVENT;
    *type = header.type;
    *length = header.len;
    return *is_answer ? get_payload(header.len, text, size) : get_watch_event(header.len);
}

/* Sends path NUL value, and waits for the answer. */
static bool request(uint32_t type, const char *path, const char *value, size_t value_length,
                    char *answer, size_t size, uint32_t *answer_length)
{
    if (!ring)
        return false;
    size_t path_length = strlen(path) + 1;
    struct xsd_sockmsg header = {
        .type = type,
        .req_id = ++request_id,
        .len = (uint32_t)(path_length + value_length),
    };
    if (!put_bytes(&header, sizeof(header)) || !put_bytes(path, path_length) ||
        !put_bytes(value, value_length))
        return false;
    event_send(port);

    bool is_answer;
    uint32_t answer_type;
    do {
        if (!get_message(answer, size, &is_answer, &answer_type, answer_length))
            return false;
    } while (!is_answer);
    return answer_type == type;
}

bool xenstore_read(const char *path, char *value, size_t size)
{
    uint32_t length;
    return request(XS_READ, path, NULL, 0, value, size, &length);
}

bool xenstore_read_number(const char *path, uint64_t *value)
{
    char text[24];
    return xenstore_read(path, text, sizeof(text)) && parse_number(text, value);
}

bool xenstore_write(const char *path, const char *value)
{
    char answer[16];
    uint32_t length;
    return request(XS_WRITE, path, value, strlen(value), answer, sizeof(answer), &length);
}

bool xenstore_write_number(const char *path, uint64_t value)
{
    char text[24];
    format_text(text, sizeof(text), "%llu", value);
    return xenstore_write(path, text);
}

/* A directory's answer is names, each with a NUL; so the first reads as a string. */
bool xenstore_first_entry(const char *path, char *name, size_t size)
{
    uint32_t length;
    return request(XS_DIRECTORY, path, NULL, 0, name, size, &length) && length > 0 && *name;
}

/* ---- watches ---- */

bool xenstore_watch(enum watch watch, const char *path)
{
    char token[2] = { (char)('0' + watch), 0 };
    char answer[16];
    uint32_t length;
    return request(XS_WATCH, path, token, sizeof(token), answer, sizeof(answer), &length);
}

bool xenstore_watch_fired(enum watch watch)
{
    while (xenstore_has_input()) {
        /* No request is under way, so what comes can only be watch events. */
        char ignored[16];
        bool is_answer;
        uint32_t type, length;
        if (!get_message(ignored, sizeof(ignored), &is_answer, &type, &length))
            return false;
    }
    bool result = fired[watch];
    fired[watch] = false;
    return result;
}

bool xenstore_wait(enum watch watch, uint64_t deadline)
{
    while (!xenstore_watch_fired(watch))
        if (!ring || !wait_until(has_input, NULL, deadline))
            return false;
    return true;
}
