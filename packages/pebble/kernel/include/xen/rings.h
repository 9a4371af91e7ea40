/*
 * The shared pages of the three devices:
 * console [XEN io/console.h], xenstore [XEN io/xs_wire.h], block [XEN io/blkif.h].
 */
#ifndef PEBBLE_XEN_RINGS_H
#define PEBBLE_XEN_RINGS_H

#include "types.h"

/* Producer and consumer counters run freely; a counter modulo the size is a place. */
struct xencons_interface {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};

#define XENSTORE_RING_SIZE 1024
struct xenstore_domain_interface {
    char req[XENSTORE_RING_SIZE];
    char rsp[XENSTORE_RING_SIZE];
    uint32_t req_cons, req_prod;
    uint32_t rsp_cons, rsp_prod;
};

/* Header of every xenstore message, followed by len bytes. */
struct xsd_sockmsg {
    uint32_t type;
    uint32_t req_id;
    uint32_t tx_id;
    uint32_t len;
};
#define XS_DIRECTORY 1
#define XS_READ 2
#define XS_WATCH 4
#define XS_WRITE 11
#define XS_WATCH_EVENT 15
#define XS_ERROR 16
#define XENSTORE_PAYLOAD_MAX 4096

/* State of either end of a device [XEN io/xenbus.h]. */
enum xenbus_state {
    XenbusStateUnknown = 0,
    XenbusStateInitialising = 1,
    XenbusStateInitWait = 2,
    XenbusStateInitialised = 3,
    XenbusStateConnected = 4,
    XenbusStateClosing = 5,
    XenbusStateClosed = 6,
};

/* Head of a request/response ring [XEN io/ring.h]. */
struct ring_header {
    uint32_t req_prod, req_event;
    uint32_t rsp_prod, rsp_event;
    uint8_t pad[48];
};

#define BLKIF_OP_READ 0
#define BLKIF_OP_WRITE 1
#define BLKIF_OP_FLUSH_DISKCACHE 3
#define BLKIF_MAX_SEGMENTS_PER_REQUEST 11
#define BLKIF_RSP_OKAY 0

struct blkif_segment {
    uint32_t gref;
    uint8_t first_sect, last_sect; /* sectors of 512 bytes in the page, both included */
};

/* No packing: the natural layout of the width is the ABI, hence the `protocol` node. */
struct blkif_request {
    uint8_t operation;
    uint8_t nr_segments;
    uint16_t handle;
    uint64_t id;
    uint64_t sector_number;
    struct blkif_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

struct blkif_response {
    uint64_t id;
    uint8_t operation;
    int16_t status;
};

#define BLKIF_RING_ENTRIES 32
struct blkif_ring {
    struct ring_header head;
    union {
        struct blkif_request request;
        struct blkif_response response;
    } entry[BLKIF_RING_ENTRIES];
};

#endif
