/* See line.h. */
#include "line.h"

#define BACKSPACE 0x08
#define DELETE 0x7f
#define CONTROL_U 0x15

static void erase(line_echo *echo)
{
    echo("\b \b", 3);
}

bool line_feed(struct line *line, char character, line_echo *echo)
{
    bool after_return = line->after_return;
    line->after_return = character == '\r';

    switch (character) {
    case '\n':
        if (after_return)
            return false;
        /* fall through */
    case '\r':
        line->text[line->length] = 0;
        line->length = 0;
        echo("\n", 1);
        return true;
    case BACKSPACE:
    case DELETE:
        if (line->length) {
            line->length--;
            erase(echo);
        }
        return false;
    case CONTROL_U:
        for (; line->length; line->length--)
            erase(echo);
        return false;
    default:
        /* Control characters are ignored; what does not fit is not echoed. */
        if ((unsigned char)character < ' ' || line->length == LINE_LENGTH - 1)
            return false;
        line->text[line->length++] = character;
        echo(&character, 1);
        return false;
    }
}
