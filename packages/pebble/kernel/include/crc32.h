/* CRC-32 as in gzip and zlib, so that any host tool can check a pebble's sums. */
#ifndef PEBBLE_CRC32_H
#define PEBBLE_CRC32_H

#include "types.h"

/* Continues a sum; start with 0. */
uint32_t crc32(uint32_t sum, const void *data, size_t length);

#endif
