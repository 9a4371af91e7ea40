/* What the test's back ends and its stand-ins for the kernel's lower half share. */
#ifndef PEBBLE_TEST_MACHINE_H
#define PEBBLE_TEST_MACHINE_H

#include "types.h"

/* Ports and frames as the domain builder would hand them out. */
enum { CONSOLE_PORT = 2, STORE_PORT = 1, DISK_PORT = 9 };
enum { CONSOLE_MFN = 100, STORE_MFN = 101, GRANT_MFN = 102, FIRST_FREE_MFN = 200 };

void *machine_page(mfn_t mfn);
void machine_start(void);

/* Lets all back ends work a little; then the handlers of the ports they fired run. */
void machine_step(void);
void machine_fire(uint32_t port);

/* backends.c */
void backends_step(void);
void store_set(const char *path, const char *value);
const char *store_get(const char *path);
void console_type(const char *text);

extern char console_output[16384];
extern uint8_t disk_image[];
extern unsigned disk_flushes;

#define DISK_SECTORS 1000

#endif
