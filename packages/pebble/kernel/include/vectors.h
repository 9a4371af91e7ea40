/* Flags and vectors, alike in every width. Also read by the assembler: #define only. */
#ifndef PEBBLE_VECTORS_H
#define PEBBLE_VECTORS_H

#define EFLAGS_IF 0x200
#define EFLAGS_FIXED 0x002 /* bit 1 is always one */

/* Vectors above 255 are ours: they name the frames that no vector stands for. */
#define VECTOR_PAGE_FAULT 14
#define VECTOR_SYSCALL 0x80
#define VECTOR_EVENT 256
#define VECTOR_FAILSAFE 257

#endif
