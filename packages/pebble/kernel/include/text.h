/* Taking commands and options apart. Nothing here touches the machine. */
#ifndef PEBBLE_TEXT_H
#define PEBBLE_TEXT_H

#include "types.h"

/* The next word of *cursor, terminated in place; NULL at the end. Moves *cursor past it. */
char *next_word(char **cursor);

/* Skips blanks. */
char *skip_blanks(char *at);

/* A whole word as a number, decimal or 0x hexadecimal. False if it is not one or too large. */
bool parse_number(const char *word, uint64_t *value);

/* The options of the kernel's command line. */
struct options {
    bool quiet;          /* quiet: no banner, no messages of the start            */
    bool halt;           /* halt: power off after the run list                    */
    uint64_t tick_ms;    /* tick=MS: 0 for none                                   */
    const char *name;    /* name=WORD                                             */
    char *run;           /* run=CMD;CMD;...  quoted, or to the end of the line    */
};

/* Takes `line` apart in place; the options point into it. */
void parse_options(char *line, struct options *options);

/* The next command of a list separated by `;`, terminated in place; NULL at the end. */
char *next_command(char **cursor);

#endif
