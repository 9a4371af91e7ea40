/* Ending on purpose. */
#ifndef PEBBLE_POWER_H
#define PEBBLE_POWER_H

#include "types.h"

enum ending { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT };

/* Says so on the console, and ends. */
NORETURN void shut_down_politely(enum ending ending);

/* Has the toolstack's wish noticed: it writes to control/shutdown in the store. */
void power_init(void);

/* Obeys a wish that has come. */
void power_check(void);

#endif
