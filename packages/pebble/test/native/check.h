/* The smallest test library: CHECK counts and complains; main ends with report(). */
#ifndef PEBBLE_TEST_CHECK_H
#define PEBBLE_TEST_CHECK_H

#include <stdio.h>

static unsigned checks, failures;

#define CHECK(condition)                                                  \
    do {                                                                  \
        checks++;                                                         \
        if (!(condition)) {                                               \
            failures++;                                                   \
            printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                 \
    } while (0)

static int report(void)
{
    printf("%u checks, %u failures\n", checks, failures);
    return failures != 0;
}

#endif
