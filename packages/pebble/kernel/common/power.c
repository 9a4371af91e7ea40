/* See power.h. The node control/shutdown is the toolstack's `xl shutdown` and `xl reboot`. */
#include "power.h"
#include "console.h"
#include "panic.h"
#include "string.h"
#include "xen/sched.h"
#include "xenstore.h"

NORETURN void shut_down_politely(enum ending ending)
{
    bool reboot = ending == SHUTDOWN_REBOOT;
    console_print("pebble: %s\n", reboot ? "reboot" : "power off");
    shut_down(reboot ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

void power_init(void)
{
    xenstore_watch(WATCH_SHUTDOWN, "control/shutdown");
}

void power_check(void)
{
    char wish[16];
    if (!xenstore_watch_fired(WATCH_SHUTDOWN) ||
        !xenstore_read("control/shutdown", wish, sizeof(wish)) || !wish[0])
        return;
    /* An empty value tells the toolstack that the wish was read. */
    xenstore_write("control/shutdown", "");
    if (strcmp(wish, "poweroff") == 0 || strcmp(wish, "halt") == 0)
        shut_down_politely(SHUTDOWN_POWEROFF);
    if (strcmp(wish, "reboot") == 0)
        shut_down_politely(SHUTDOWN_REBOOT);
    console_print("\npebble: asked to %s, which it cannot\n", wish);
}
