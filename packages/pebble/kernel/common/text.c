/* See text.h. */
#include "text.h"
#include "string.h"

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

char *next_word(char **cursor)
{
    char *word = skip_blanks(*cursor);
    char *end = word;
    while (*end && !is_blank(*end))
        end++;
    *cursor = *end ? end + 1 : end;
    *end = 0;
    return *word ? word : NULL;
}

static int digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return 16;
}

bool parse_number(const char *word, uint64_t *value)
{
    unsigned base = 10;
    if (!word)
        return false;
    if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
        base = 16;
        word += 2;
    }
    if (!*word)
        return false;
    uint64_t sum = 0;
    for (; *word; word++) {
        unsigned digit = (unsigned)digit_value(*word);
        if (digit >= base)
            return false;
        /* base <= 16: the result fits if the top four bits are free */
        if (sum >> 60)
            return false;
        sum = sum * base + digit;
    }
    *value = sum;
    return true;
}

char *next_command(char **cursor)
{
    char *command = skip_blanks(*cursor);
    while (*command == ';')
        command = skip_blanks(command + 1);
    if (!*command) {
        *cursor = command;
        return NULL;
    }
    char *end = command;
    while (*end && *end != ';')
        end++;
    *cursor = *end ? end + 1 : end;
    *end = 0;
    return command;
}

static char *option_value(char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

/* run= takes blanks too: up to the closing quote, or to the end of the line. */
static char *parse_run(char *value, char **cursor)
{
    char quote = *value;
    if (quote != '"' && quote != '\'') {
        *cursor = value + strlen(value);
        return value;
    }
    char *end = ++value;
    while (*end && *end != quote)
        end++;
    *cursor = *end ? end + 1 : end;
    *end = 0;
    return value;
}

void parse_options(char *line, struct options *options)
{
    *options = (struct options){ .name = "pebble" };
    char *cursor = line;
    for (;;) {
        cursor = skip_blanks(cursor);
        char *value = option_value(cursor, "run");
        if (value) {
            options->run = parse_run(value, &cursor);
            continue;
        }
        char *word = next_word(&cursor);
        if (!word)
            return;
        if (strcmp(word, "quiet") == 0)
            options->quiet = true;
        else if (strcmp(word, "halt") == 0)
            options->halt = true;
        else if ((value = option_value(word, "tick")))
            (void)parse_number(value, &options->tick_ms);
        else if ((value = option_value(word, "name")))
            options->name = value;
        /* Anything else is someone else's: a toolstack may add root=, console= ... */
    }
}
