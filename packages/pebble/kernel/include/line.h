/* Line editing: characters in, echo out, a line when it is complete. */
#ifndef PEBBLE_LINE_H
#define PEBBLE_LINE_H

#include "types.h"

#define LINE_LENGTH 256

struct line {
    char text[LINE_LENGTH];
    unsigned length;
    bool after_return; /* the last character was \r: a \n right after it belongs to it */
};

typedef void line_echo(const char *text, size_t length);

/* Takes one character. True when `text` holds a complete, terminated line. */
bool line_feed(struct line *line, char character, line_echo *echo);

#endif
