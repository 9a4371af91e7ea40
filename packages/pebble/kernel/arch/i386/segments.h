/*
 * What both 32-bit widths have in common. Read by C, by the assembler and by the
 * linker script: #define only.
 */
#ifndef PEBBLE_ARCH_SEGMENTS_H
#define PEBBLE_ARCH_SEGMENTS_H

/*
 * Flat segments that Xen keeps in every GDT. Ring 1 is this kernel, ring 3 the
 * process. Paging tells only ring 3 from the rest ("user" or "supervisor").
 */
#define FLAT_KERNEL_CS 0xe019
#define FLAT_KERNEL_SS 0xe021
#define FLAT_USER_CS 0xe02b
#define FLAT_USER_DS 0xe033

/* How messages call the place where this kernel runs. */
#define KERNEL_PLACE "ring 1"
#define KERNEL_RING "1"

/* A word in the assembler's language. */
#define ASM_WORD .long

#include "vectors.h"

#endif
