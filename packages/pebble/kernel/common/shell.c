/* See shell.h. */
#include "shell.h"
#include "console.h"
#include "line.h"
#include "panic.h"
#include "power.h"
#include "string.h"
#include "thread.h"
#include "time.h"
#include "xenstore.h"

static const struct command *const tables[] = { kernel_commands, disk_commands };

void shell_help(void)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(tables); i++)
        for (const struct command *command = tables[i]; command->name; command++)
            console_print("  %-9s%-16s%s\n", command->name, command->arguments, command->help);
}

static const struct command *find_command(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(tables); i++)
        for (const struct command *command = tables[i]; command->name; command++)
            if (strcmp(command->name, name) == 0)
                return command;
    return NULL;
}

static void execute(char *line)
{
    char *cursor = line;
    const char *name = next_word(&cursor);
    if (!name)
        return;
    const struct command *command = find_command(name);
    if (command)
        command->run(cursor);
    else
        console_print("%s: no such command; try help\n", name);
}

static void prompt(void)
{
    console_print("pebble> ");
}

/* What wakes the shell: a key, or the store, through which a shutdown is asked for. */
static bool has_work(void *context)
{
    (void)context;
    return console_has_input() || xenstore_has_input();
}

NORETURN void shell_run(const struct options *start)
{
    static struct line line;

    char *commands = start->run;
    for (char *command; commands && (command = next_command(&commands));)
        execute(command);
    if (start->halt)
        shut_down_politely(SHUTDOWN_POWEROFF);

    prompt();
    for (;;) {
        wait_until(has_work, NULL, 0);
        power_check();
        int character = console_read();
        if (character >= 0 && line_feed(&line, (char)character, console_write)) {
            execute(line.text);
            prompt();
        }
    }
}
