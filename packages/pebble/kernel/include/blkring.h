/* Between blkconnect.c, which shakes hands, and blkfront.c, which moves data. */
#ifndef PEBBLE_BLKRING_H
#define PEBBLE_BLKRING_H

#include "xen/rings.h"

/* Makes ring, buffers and event channel for the domain disk.back_end. Once. */
void blkring_create(uint16_t device_handle, uint32_t *ring_reference, uint32_t *event_channel);

#endif
