/* Grants: leave for another domain to use one of our pages. */
#ifndef PEBBLE_GRANT_H
#define PEBBLE_GRANT_H

#include "types.h"

/* Maps the grant table. False if the hypervisor has none for us. */
bool grant_init(void);

/* Lets `domain` read and write a page; the reference is what the other side is told. */
uint32_t grant_page(uint16_t domain, const void *page);

/* How many references are given out. */
uint32_t grant_count(void);

#endif
