/*
 * The start of day, in order. Each step needs those before it:
 * shared_info for everything, traps before anything can fault, events before the
 * console can wait for its reader, the console before anything can complain.
 */
#include "arch.h"
#include "blkfront.h"
#include "console.h"
#include "events.h"
#include "memory.h"
#include "power.h"
#include "process.h"
#include "shell.h"
#include "string.h"
#include "time.h"
#include "traps.h"
#include "xenstore.h"

struct options options;

NORETURN void kernel_main(const struct start_info *start);

NORETURN void kernel_main(const struct start_info *start)
{
    static char command_line[MAX_GUEST_CMDLINE];

    memory_init(start);
    traps_init();
    events_init();
    console_init();
    memory_find_free();
    time_init();
    upcalls_unmask(); /* a new VCPU starts masked */

    /* A copy, as taking it apart writes to it. */
    memcpy(command_line, start->cmd_line, sizeof(command_line) - 1);
    parse_options(command_line, &options);
    if (!options.quiet)
        console_print("pebble: %s, %lu pages of memory\n", options.name, start->nr_pages);

    process_init();
    if (xenstore_init()) {
        power_init();
        blkfront_init();
    } else {
        disk.reason = "no xenstore";
    }
    if (!options.quiet && disk.connected)
        console_print("pebble: disk %s, %llu sectors\n", disk.name, disk.sectors);

    if (options.tick_ms)
        time_set_tick(options.tick_ms * NS_PER_MS);
    shell_run(&options);
}
