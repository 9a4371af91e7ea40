/* Grant tables, version 1 [XEN grant_table.h]. */
#ifndef PEBBLE_XEN_GRANT_H
#define PEBBLE_XEN_GRANT_H

#include "types.h"

#define GNTTABOP_setup_table 2

#define GNTTAB_NR_RESERVED_ENTRIES 8 /* 0 console, 1 xenstore: filled by the toolstack */

#define GTF_permit_access 1u

struct grant_entry_v1 {
    uint16_t flags;
    uint16_t domid;
    uint32_t frame;
};

struct gnttab_setup_table {
    uint16_t dom;
    uint32_t nr_frames;
    int16_t status; /* OUT */
    mfn_t *frame_list;
};

#endif
