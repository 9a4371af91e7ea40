/* The front end of one block device. Sectors are of 512 bytes. */
#ifndef PEBBLE_BLKFRONT_H
#define PEBBLE_BLKFRONT_H

#include "types.h"

#define SECTOR_SIZE 512

struct disk {
    bool connected;
    const char *reason; /* why not, if not */
    char name[16];      /* xvda, or the device number */
    uint64_t sectors;
    uint32_t info;      /* VDISK_* flags: 4 is read-only */
    bool can_flush;
    uint16_t back_end;  /* its domain */
    uint64_t requests;
};
extern struct disk disk;

/* Shakes hands with the back end of the first device in the store. */
void blkfront_init(void);

/* Takes the bytes read, in order. */
typedef void disk_reader(void *context, const uint8_t *data, size_t length);

/* All return false on a device error; a range must be on the disk. */
bool disk_read(uint64_t sector, uint64_t count, disk_reader *reader, void *context);
bool disk_write(uint64_t sector, const uint8_t data[SECTOR_SIZE]);
bool disk_flush(void);

#endif
