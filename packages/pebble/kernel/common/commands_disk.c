/* Commands about the disk. */
#include "blkfront.h"
#include "arch.h"
#include "console.h"
#include "crc32.h"
#include "format.h"
#include "shell.h"
#include "string.h"
#include "time.h"

#define BYTES_PER_LINE 16
#define BYTES_SHOWN 64
#define VDISK_READONLY 4

static bool disk_there(void)
{
    if (!disk.connected)
        console_print("disk: none (%s)\n", disk.reason);
    return disk.connected;
}

/* Whether `count` sectors from `sector` on lie on the disk; says so if not. */
static bool on_disk(uint64_t sector, uint64_t count)
{
    if (count && sector < disk.sectors && count <= disk.sectors - sector)
        return true;
    console_print("disk: it has sectors 0 to %llu\n", disk.sectors - 1);
    return false;
}

static void run_disk(char *arguments)
{
    (void)arguments;
    if (!disk_there())
        return;
    console_print("disk: %s, %llu sectors of %u, %llu KiB, %s, %s, back end in domain %u\n", disk.name,
                  disk.sectors, SECTOR_SIZE, disk.sectors / 2,
                  disk.info & VDISK_READONLY ? "read-only" : "writable",
                  disk.can_flush ? "flushes" : "no flush", disk.back_end);
    console_print("disk: %llu requests so far\n", disk.requests);
}

/* What a read gathers on the way. */
struct summary {
    uint32_t sum;
    uint32_t shown; /* bytes kept in `first` */
    uint8_t first[BYTES_SHOWN];
};

static void summarise(void *context, const uint8_t *data, size_t length)
{
    struct summary *summary = context;
    summary->sum = crc32(summary->sum, data, length);
    while (length-- && summary->shown < BYTES_SHOWN)
        summary->first[summary->shown++] = *data++;
}

/* As a whole, so that nothing is printed in between. */
static void print_line(uint32_t offset, const uint8_t *bytes)
{
    char hex[3 * BYTES_PER_LINE + 1], text[BYTES_PER_LINE + 1];
    for (unsigned i = 0; i < BYTES_PER_LINE; i++) {
        format_text(hex + 3 * i, 4, " %02x", bytes[i]);
        text[i] = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '.';
    }
    text[BYTES_PER_LINE] = 0;
    console_print("%04x %s  |%s|\n", offset, hex, text);
}

static void run_read(char *arguments)
{
    uint64_t sector, count = 1;
    const char *word;
    if (!disk_there())
        return;
    if (!parse_number(next_word(&arguments), &sector) ||
        ((word = next_word(&arguments)) && !parse_number(word, &count))) {
        console_print("usage: read SECTOR [COUNT]\n");
        return;
    }
    if (!on_disk(sector, count))
        return;
    struct summary summary = { 0 };
    if (!disk_read(sector, count, summarise, &summary)) {
        console_print("read: I/O error\n");
        return;
    }
    for (uint32_t at = 0; at < summary.shown; at += BYTES_PER_LINE)
        print_line(at, summary.first + at);
    console_print("read: %llu sectors from %llu, crc32 %08x\n", count, sector, summary.sum);
}

static void run_write(char *arguments)
{
    uint64_t sector;
    uint8_t data[SECTOR_SIZE] = { 0 };
    if (!disk_there())
        return;
    if (!parse_number(next_word(&arguments), &sector) || !*skip_blanks(arguments)) {
        console_print("usage: write SECTOR TEXT\n");
        return;
    }
    if (!on_disk(sector, 1))
        return;
    const char *text = skip_blanks(arguments);
    size_t length = strlen(text);
    if (length > SECTOR_SIZE)
        length = SECTOR_SIZE;
    memcpy(data, text, length);
    if (disk_write(sector, data) && disk_flush())
        console_print("write: sector %llu, %u bytes of text, crc32 %08x\n", sector, (unsigned)length,
                      crc32(0, data, sizeof(data)));
    else
        console_print("write: I/O error\n");
}

static void run_sum(char *arguments)
{
    (void)arguments;
    if (!disk_there())
        return;
    struct summary summary = { 0 };
    uint64_t before = time_now();
    if (!disk_read(0, disk.sectors, summarise, &summary)) {
        console_print("sum: I/O error\n");
        return;
    }
    console_print("sum: %llu sectors, crc32 %08x, %llu ns\n", disk.sectors, summary.sum,
                  time_now() - before);
}

const struct command disk_commands[] = {
    { "disk", "", "size and kind of the disk", run_disk },
    { "read", "SECTOR [COUNT]", "show the first bytes, sum all", run_read },
    { "write", "SECTOR TEXT", "text, zeroes after it, and flush", run_write },
    { "sum", "", "sum of the whole disk", run_sum },
    { NULL, NULL, NULL, NULL },
};
