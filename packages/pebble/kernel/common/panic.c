/* See panic.h. */
#include "panic.h"
#include "console.h"
#include "events.h"
#include "hypercall.h"
#include "xen/sched.h"

NORETURN void shut_down(unsigned reason)
{
    upcalls_mask();
    console_drain();
    struct sched_shutdown argument = { .reason = reason };
    for (;;)
        hv_sched_op(SCHEDOP_shutdown, &argument);
}

static NORETURN void end(const struct trap_frame *frame, const char *pattern, va_list arguments)
{
    static bool panicking;
    if (!panicking) { /* a fault while printing must not start all over */
        panicking = true;
        upcalls_mask();
        console_print("\npebble: PANIC: ");
        console_print_list(pattern, arguments);
        console_print("\n");
        if (frame)
            frame_print(frame);
    }
    shut_down(SHUTDOWN_crash);
}

NORETURN void panic(const char *pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    end(NULL, pattern, arguments);
}

NORETURN void panic_with_frame(const struct trap_frame *frame, const char *pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    end(frame, pattern, arguments);
}
