/*
 * Basic types, and the few compiler words used everywhere.
 *
 * Only gcc's freestanding headers are included: there is no C library.
 * "Word" means unsigned long: 32 bits on x86_32 and x86_32p, 64 on x86_64. Xen
 * calls it xen_ulong_t and sizes its event-channel bitmaps by it.
 */
#ifndef PEBBLE_TYPES_H
#define PEBBLE_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned long word_t;
typedef unsigned long mfn_t; /* machine frame number: a frame of the real machine  */
typedef unsigned long pfn_t; /* pseudo-physical frame number: a frame as we count  */

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(pattern, first) __attribute__((format(printf, pattern, first)))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define WORD_BITS (8 * sizeof(word_t))

/*
 * Ordering between this kernel and the other side of a shared page.
 *
 * x86 keeps loads in order with loads and stores with stores, so for those two
 * only the compiler must be held back. A store followed by a load of another
 * place may be swapped by the processor; full_barrier() forbids that too.
 */
#define compiler_barrier() __asm__ volatile("" ::: "memory")
#define read_barrier() compiler_barrier()
#define write_barrier() compiler_barrier()
#define full_barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
