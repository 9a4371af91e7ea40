/* See format.h. */
#include "format.h"
#include "arch.h"
#include "string.h"

struct field {
    bool zero_padded;
    bool left_aligned;
    int width;
    int precision; /* -1: none given */
    int longs;     /* how many l */
};

static void put_padding(format_sink *sink, void *context, char character, int count)
{
    while (count-- > 0)
        sink(context, character);
}

static void put_text(format_sink *sink, void *context, const struct field *field, const char *text)
{
    int length = 0;
    while ((field->precision < 0 || length < field->precision) && text[length])
        length++;
    if (!field->left_aligned)
        put_padding(sink, context, ' ', field->width - length);
    for (int i = 0; i < length; i++)
        sink(context, text[i]);
    if (field->left_aligned)
        put_padding(sink, context, ' ', field->width - length);
}

static void put_number(format_sink *sink, void *context, const struct field *field, uint64_t value,
                       bool negative, uint32_t base)
{
    char digits[20]; /* 2^64 has 20 decimal digits */
    int count = 0;
    do {
        uint32_t digit;
        value = divide(value, base, &digit);
        digits[count++] = "0123456789abcdef"[digit];
    } while (value);

    int padding = field->width - count - (negative ? 1 : 0);
    bool zeros = field->zero_padded && !field->left_aligned;
    if (!zeros && !field->left_aligned)
        put_padding(sink, context, ' ', padding);
    if (negative)
        sink(context, '-');
    if (zeros)
        put_padding(sink, context, '0', padding);
    while (count)
        sink(context, digits[--count]);
    if (field->left_aligned)
        put_padding(sink, context, ' ', padding);
}

static const char *parse_field(struct field *field, const char *at)
{
    *field = (struct field){ .precision = -1 };
    for (;; at++) {
        if (*at == '0')
            field->zero_padded = true;
        else if (*at == '-')
            field->left_aligned = true;
        else
            break;
    }
    for (; *at >= '0' && *at <= '9'; at++)
        field->width = field->width * 10 + (*at - '0');
    if (*at == '.') {
        field->precision = 0;
        for (at++; *at >= '0' && *at <= '9'; at++)
            field->precision = field->precision * 10 + (*at - '0');
    }
    for (; *at == 'l'; at++)
        field->longs++;
    return at;
}

void format(format_sink *sink, void *context, const char *pattern, va_list arguments)
{
    for (const char *at = pattern; *at; at++) {
        if (*at != '%') {
            sink(context, *at);
            continue;
        }
        struct field field;
        at = parse_field(&field, at + 1);
        switch (*at) {
        case 'c':
            sink(context, (char)va_arg(arguments, int));
            break;
        case 's':
            put_text(sink, context, &field, va_arg(arguments, const char *));
            break;
        case 'd': {
            long long value = field.longs >= 2   ? va_arg(arguments, long long)
                              : field.longs == 1 ? va_arg(arguments, long)
                                                 : va_arg(arguments, int);
            uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
            put_number(sink, context, &field, magnitude, value < 0, 10);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = field.longs >= 2   ? va_arg(arguments, unsigned long long)
                             : field.longs == 1 ? va_arg(arguments, unsigned long)
                                                : va_arg(arguments, unsigned int);
            put_number(sink, context, &field, value, false, *at == 'x' ? 16 : 10);
            break;
        }
        case '%':
            sink(context, '%');
            break;
        case 0: /* the pattern ends inside a field */
            return;
        default:
            sink(context, '%');
            sink(context, *at);
        }
    }
}

struct text_buffer {
    char *at;
    size_t size;
    size_t length;
};

static void buffer_sink(void *context, char character)
{
    struct text_buffer *buffer = context;
    if (buffer->length + 1 < buffer->size)
        buffer->at[buffer->length] = character;
    buffer->length++;
}

size_t format_text(char *buffer, size_t size, const char *pattern, ...)
{
    struct text_buffer out = { buffer, size, 0 };
    va_list arguments;
    va_start(arguments, pattern);
    format(buffer_sink, &out, pattern, arguments);
    va_end(arguments);
    if (size)
        buffer[out.length < size ? out.length : size - 1] = 0;
    return out.length;
}
