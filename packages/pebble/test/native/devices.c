/* The three device drivers against back ends made for the test, in one ordinary program. */
#include "blkfront.h"
#include "check.h"
#include "console.h"
#include "crc32.h"
#include "fake/machine.h"
#include "string.h"
#include "xenstore.h"

static void test_console(void)
{
    console_init();
    console_print("hello %u\n", 5u);
    console_drain();
    CHECK(strcmp(console_output, "hello 5\r\n") == 0);

    /* More than the ring holds: nothing may be lost. */
    for (unsigned i = 0; i < 1000; i++)
        console_print("%04u ", i);
    console_drain();
    CHECK(strlen(console_output) == 9 + 5000);
    CHECK(strncmp(console_output + 9 + 4995, "0999 ", 5) == 0);

    CHECK(!console_has_input() && console_read() == -1);
    console_type("ok");
    CHECK(console_read() == 'o' && console_read() == 'k' && console_read() == -1);
}

static void test_store(void)
{
    char value[32];
    uint64_t number;
    CHECK(xenstore_init());
    store_set("domid", "7");
    CHECK(xenstore_read("domid", value, sizeof(value)) && strcmp(value, "7") == 0);
    CHECK(xenstore_read_number("domid", &number) && number == 7);
    CHECK(!xenstore_read("nothing", value, sizeof(value)));
    CHECK(xenstore_write("data", "some words") && strcmp(store_get("data"), "some words") == 0);
    CHECK(xenstore_write("data", "") && strcmp(store_get("data"), "") == 0);
    CHECK(xenstore_write_number("data", 12345) && strcmp(store_get("data"), "12345") == 0);

    /* What does not fit is cut, and the stream stays in step. */
    store_set("long", "a value that is longer than thirty-two characters, as values may be");
    CHECK(xenstore_read("long", value, sizeof(value)) && strlen(value) == sizeof(value) - 1);
    CHECK(xenstore_read("domid", value, sizeof(value)) && strcmp(value, "7") == 0);

    CHECK(xenstore_watch(WATCH_SHUTDOWN, "control/shutdown"));
    CHECK(xenstore_wait(WATCH_SHUTDOWN, 0)); /* the first comes at once */
    CHECK(!xenstore_wait(WATCH_SHUTDOWN, 1));
    store_set("control/shutdown", "poweroff");
    CHECK(xenstore_read("domid", value, sizeof(value))); /* an event in between */
    CHECK(xenstore_wait(WATCH_SHUTDOWN, 0));
    CHECK(!xenstore_watch_fired(WATCH_BACK_END));
}

static void sum_up(void *context, const uint8_t *data, size_t length)
{
    *(uint32_t *)context = crc32(*(uint32_t *)context, data, length);
}

static void check_sum(uint64_t sector, uint64_t count)
{
    uint32_t sum = 0;
    CHECK(disk_read(sector, count, sum_up, &sum));
    CHECK(sum == crc32(0, disk_image + sector * SECTOR_SIZE, count * SECTOR_SIZE));
}

static void test_disk(void)
{
    for (unsigned i = 0; i < DISK_SECTORS * SECTOR_SIZE; i++)
        disk_image[i] = (uint8_t)(i * 7 + i / 251);

    store_set("device/vbd", "51712");
    store_set("device/vbd/51712/backend", "/back");
    store_set("device/vbd/51712/backend-id", "0");
    store_set("device/vbd/51712/state", "1");
    store_set("/back/state", "2");
    blkfront_init();
    CHECK(disk.connected);
    CHECK(disk.sectors == DISK_SECTORS && disk.can_flush && strcmp(disk.name, "xvda") == 0);
    CHECK(strcmp(store_get("device/vbd/51712/state"), "4") == 0);
    CHECK(strcmp(store_get("device/vbd/51712/protocol"), "x86_32-abi") == 0);

    check_sum(0, 1);
    check_sum(3, 8);
    check_sum(5, 88);
    check_sum(1, 89);
    check_sum(0, DISK_SECTORS);
    check_sum(DISK_SECTORS - 1, 1);

    uint8_t data[SECTOR_SIZE] = "written";
    CHECK(disk_write(17, data) && memcmp(disk_image + 17 * SECTOR_SIZE, data, SECTOR_SIZE) == 0);
    CHECK(disk_flush() && disk_flushes == 1);
    check_sum(16, 3);

    /* An error in the middle: reported, and what is under way is waited for. */
    uint32_t sum = 0;
    CHECK(!disk_read(DISK_SECTORS - 10, 500, sum_up, &sum));
    check_sum(0, DISK_SECTORS);
}

int main(void)
{
    machine_start();
    test_console();
    test_store();
    test_disk();
    return report();
}
