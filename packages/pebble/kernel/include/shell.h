/* The shell: commands from the console and from the command line. */
#ifndef PEBBLE_SHELL_H
#define PEBBLE_SHELL_H

#include "text.h"
#include "types.h"

/* A command gets what follows its name, which it may take apart in place. */
struct command {
    const char *name;
    const char *arguments;
    const char *help;
    void (*run)(char *arguments);
};

/* Tables, each ended by a NULL name: commands.c and commands_disk.c. */
extern const struct command kernel_commands[];
extern const struct command disk_commands[];

NORETURN void shell_run(const struct options *options);

/* For `help`. */
void shell_help(void);

/* The options that pebble was started with. */
extern struct options options;

#endif
