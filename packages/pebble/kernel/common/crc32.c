/* See crc32.h. Polynomial 0x04c11db7, reflected; one table lookup per byte. */
#include "crc32.h"

#define POLYNOMIAL 0xedb88320u

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ POLYNOMIAL : rest >> 1;
        table[byte] = rest;
    }
}

uint32_t crc32(uint32_t sum, const void *data, size_t length)
{
    const uint8_t *at = data;
    if (!table[1]) /* never zero once made */
        make_table();
    sum = ~sum;
    while (length--)
        sum = sum >> 8 ^ table[(sum ^ *at++) & 0xff];
    return ~sum;
}
