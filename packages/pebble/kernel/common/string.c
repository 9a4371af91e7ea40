/* See string.h. Byte loops: clear, and fast enough for a kernel this small. */
#include "string.h"

/*
 * gcc recognises these loops and would replace each by a call to the function
 * it is in; the attribute forbids that.
 */
#define NOT_A_CALL __attribute__((optimize("no-tree-loop-distribute-patterns")))

NOT_A_CALL void *memcpy(void *to, const void *from, size_t length)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    while (length--)
        *out++ = *in++;
    return to;
}

NOT_A_CALL void *memset(void *to, int value, size_t length)
{
    unsigned char *out = to;
    while (length--)
        *out++ = (unsigned char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *a = left, *b = right;
    for (; length; length--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

NOT_A_CALL size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int strncmp(const char *left, const char *right, size_t limit)
{
    for (; limit; limit--, left++, right++) {
        if (*left != *right)
            return (unsigned char)*left - (unsigned char)*right;
        if (!*left)
            break;
    }
    return 0;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, (size_t)-1);
}
