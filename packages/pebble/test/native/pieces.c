/* The parts of the kernel that are pure computation, run as an ordinary program. */
#include "arch.h"
#include "check.h"
#include "clock.h"
#include "crc32.h"
#include "format.h"
#include "line.h"
#include "ring.h"
#include "string.h"
#include "text.h"

#define FORMATS_TO(expected, ...)                                   \
    do {                                                            \
        char text[64];                                              \
        size_t length = format_text(text, sizeof(text), __VA_ARGS__); \
        CHECK(strcmp(text, expected) == 0);                         \
        CHECK(length == strlen(expected));                          \
    } while (0)

static void test_format(void)
{
    FORMATS_TO("plain", "plain");
    FORMATS_TO("a%b", "%c%%%s", 'a', "b");
    FORMATS_TO("-7 7 4294967295", "%d %u %u", -7, 7u, 4294967295u);
    FORMATS_TO("18446744073709551615", "%llu", 18446744073709551615ull);
    FORMATS_TO("-9223372036854775808", "%lld", -9223372036854775807ll - 1);
    FORMATS_TO("deadbeef 0", "%x %x", 0xdeadbeefu, 0u);
    FORMATS_TO("0000002a|   2a|2a   |", "%08x|%5x|%-5x|", 42u, 42u, 42u);
    FORMATS_TO("-0042|  -42", "%05d|%5d", -42, -42);
    FORMATS_TO("ab   |   ab|abc", "%-5s|%5s|%.3s", "ab", "ab", "abcdef");

    char small[4];
    CHECK(format_text(small, sizeof(small), "%u", 123456u) == 6);
    CHECK(strcmp(small, "123") == 0);

    char unterminated[2] = { 'x', 'y' };
    FORMATS_TO("xy", "%.2s", unterminated);
}

static void test_divide(void)
{
    static const uint64_t dividends[] = { 0, 1, 999, 1ull << 32, (1ull << 32) - 1, 1ull << 63, ~0ull };
    static const uint32_t divisors[] = { 1, 3, 10, 1000000000u, ~0u };
    for (unsigned i = 0; i < ARRAY_LENGTH(dividends); i++) {
        for (unsigned j = 0; j < ARRAY_LENGTH(divisors); j++) {
            uint32_t rest;
            CHECK(divide(dividends[i], divisors[j], &rest) == dividends[i] / divisors[j]);
            CHECK(rest == dividends[i] % divisors[j]);
        }
    }
}

static void test_clock(void)
{
    CHECK(cycles_to_ns(1000, 0x80000000u, 0) == 500);
    CHECK(cycles_to_ns(1000, 0x80000000u, 1) == 1000);
    CHECK(cycles_to_ns(1000, 0x80000000u, -1) == 250);
    /* more than 32 bits of cycles: an hour at 4 GHz */
    CHECK(cycles_to_ns(3600ull * 4000000000ull, 0x40000000u, 0) == 3600ull * 1000000000ull);
    CHECK(cycles_to_ns(0x1ffffffffull, 0xffffffffu, 0) == 0x1fffffffdull);
}

static void test_ring(void)
{
    CHECK(ring_used(5, 3) == 2);
    CHECK(ring_used(1, 0xffffffffu) == 2);
    CHECK(ring_free(1, 0xffffffffu, 8) == 6);
    CHECK(ring_free(8, 0, 8) == 0);
    CHECK(ring_place(0xffffffffu, 8) == 7);
    /* event in (old, new] */
    CHECK(ring_must_notify(0, 1, 1));
    CHECK(!ring_must_notify(1, 2, 1));
    CHECK(ring_must_notify(1, 4, 3));
    CHECK(!ring_must_notify(0, 1, 2));
    CHECK(ring_must_notify(0xffffffffu, 1, 0));
}

static void test_crc32(void)
{
    CHECK(crc32(0, "123456789", 9) == 0xcbf43926u);
    CHECK(crc32(crc32(0, "1234", 4), "56789", 5) == 0xcbf43926u);
    CHECK(crc32(0, "", 0) == 0);
}

static void test_words(void)
{
    char line[] = "  read 12\t0x20  ";
    char *cursor = line;
    uint64_t value;
    CHECK(strcmp(next_word(&cursor), "read") == 0);
    CHECK(parse_number(next_word(&cursor), &value) && value == 12);
    CHECK(parse_number(next_word(&cursor), &value) && value == 0x20);
    CHECK(next_word(&cursor) == NULL);
    CHECK(next_word(&cursor) == NULL);

    CHECK(!parse_number(NULL, &value));
    CHECK(!parse_number("", &value));
    CHECK(!parse_number("0x", &value));
    CHECK(!parse_number("12a", &value));
    CHECK(parse_number("0xffffffffffffffff", &value) && value == ~0ull);
    CHECK(!parse_number("0x10000000000000000", &value));
    CHECK(!parse_number("99999999999999999999", &value));

    char list[] = ";; a 1 ;b;; c;";
    cursor = list;
    CHECK(strcmp(next_command(&cursor), "a 1 ") == 0);
    CHECK(strcmp(next_command(&cursor), "b") == 0);
    CHECK(strcmp(next_command(&cursor), "c") == 0);
    CHECK(next_command(&cursor) == NULL);
}

static void test_options(void)
{
    struct options options;
    char plain[] = "root=/dev/xvda quiet tick=250 name=one run=spin 10; ps;halt now";
    parse_options(plain, &options);
    CHECK(options.quiet && !options.halt && options.tick_ms == 250);
    CHECK(strcmp(options.name, "one") == 0);
    CHECK(strcmp(options.run, "spin 10; ps;halt now") == 0);

    char quoted[] = "run=\"ps;time\" halt quietly tick=x";
    parse_options(quoted, &options);
    CHECK(strcmp(options.run, "ps;time") == 0);
    CHECK(options.halt && !options.quiet && options.tick_ms == 0);

    char open[] = "run='ps";
    parse_options(open, &options);
    CHECK(strcmp(options.run, "ps") == 0);

    char empty[] = "";
    parse_options(empty, &options);
    CHECK(!options.run && strcmp(options.name, "pebble") == 0);
}

static char echoed[1024];
static size_t echoed_length;

static void echo(const char *text, size_t length)
{
    for (size_t i = 0; i < length && echoed_length < sizeof(echoed) - 1; i++)
        echoed[echoed_length++] = text[i];
    echoed[echoed_length] = 0;
}

/* Feeds all; returns how many lines came out, the last of them in line->text. */
static unsigned feed(struct line *line, const char *input)
{
    unsigned lines = 0;
    echoed_length = 0;
    for (; *input; input++)
        if (line_feed(line, *input, echo))
            lines++;
    return lines;
}

static void test_line(void)
{
    static struct line line;
    CHECK(feed(&line, "hexl\b\x7flp\n") == 1);
    CHECK(strcmp(line.text, "help") == 0);
    CHECK(strcmp(echoed, "hexl\b \b\b \blp\n") == 0);

    CHECK(feed(&line, "one\r\ntwo\n\n") == 3);
    CHECK(feed(&line, "\b\b\x15ps\r") == 1 && strcmp(line.text, "ps") == 0);
    CHECK(feed(&line, "wrong\x15right\n") == 1 && strcmp(line.text, "right") == 0);
    CHECK(feed(&line, "a\x01\x1b" "b\n") == 1 && strcmp(line.text, "ab") == 0);

    char flood[2 * LINE_LENGTH + 2];
    memset(flood, 'x', sizeof(flood));
    flood[sizeof(flood) - 2] = '\n';
    flood[sizeof(flood) - 1] = 0;
    CHECK(feed(&line, flood) == 1 && strlen(line.text) == LINE_LENGTH - 1);
}

int main(void)
{
    test_format();
    test_divide();
    test_clock();
    test_ring();
    test_crc32();
    test_words();
    test_options();
    test_line();
    return report();
}
