/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where rawdisk and memdisk keep their blocks on Windows. Prints TAP; runs in a folder of its own.
 */

#include "../../../devices/memdisk/memory.h"
#include "../../../devices/rawdisk/image.h"

#include <windows.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "test.img"
#define MIB   (UINT64_C(1) << 20)
#define GIB   (UINT64_C(1) << 30)

static const char *wrong;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            wrong = #condition;                                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static struct image image;
static char message[IMAGE_MESSAGE_MAX];
static uint64_t failed;
static unsigned char data[3 * 65536], back[sizeof data], zeros[sizeof data];

static const struct image_wish wish = {
    .path = IMAGE,
    .size = 8 * MIB,
    .block_length = 512,
    .writable = true,
    .cached = true,
};

static void a_new_image_has_its_size_and_is_zero(void)
{
    memset(back, 1, sizeof back);
    EXPECT(image_open(&image, &wish, message) == IMAGE_OK);
    EXPECT(image.created && image.size == 8 * MIB);
    EXPECT(image_read(&image, back, sizeof back, 8 * MIB - sizeof back, 0, &failed) == 0);
    EXPECT(memcmp(back, zeros, sizeof back) == 0);
}

static void what_is_written_is_read(void)
{
    EXPECT(image_write(&image, data, sizeof data, 4096, 0, &failed) == 0);
    EXPECT(image_read(&image, back, sizeof back, 4096, 0, &failed) == 0);
    EXPECT(memcmp(back, data, sizeof back) == 0);
}

static void unmapped_bytes_are_zero_and_no_others(void)
{
    EXPECT(image_unmap(&image, 512, 4096 + 512, &failed) == 0);
    EXPECT(image_read(&image, back, 2048, 4096, 0, &failed) == 0);
    EXPECT(memcmp(back, data, 512) == 0);
    EXPECT(memcmp(back + 512, zeros, 512) == 0);
    EXPECT(memcmp(back + 1024, data + 1024, 1024) == 0);
}

static void durable_writes_and_flushes_succeed(void)
{
    EXPECT(image_write(&image, data, 512, 0, IMAGE_DURABLE, &failed) == 0);
    EXPECT(image_read(&image, back, 512, 0, IMAGE_DURABLE, &failed) == 0);
    EXPECT(image_flush(&image) == 0);
}

static void who_must_not_wait_is_told_so(void)
{
    EXPECT(image_read(&image, back, 512, 0, IMAGE_NOWAIT, &failed) == EAGAIN);
    EXPECT(image_write(&image, data, 512, 0, IMAGE_NOWAIT, &failed) == EAGAIN);
}

static void a_second_writer_is_refused(void)
{
    struct image second;

    EXPECT(image_open(&second, &wish, message) == IMAGE_FAILED);
    EXPECT(strstr(message, "in use by another program"));
}

static void the_end_of_the_file_is_an_error_where_it_is(void)
{
    EXPECT(image_read(&image, back, 1024, 8 * MIB - 512, 0, &failed) == EIO);
    EXPECT(failed == 8 * MIB);
    EXPECT(image_write(&image, data, 1024, 8 * MIB - 512, 0, &failed) == EIO);
    EXPECT(failed == 8 * MIB);
    EXPECT(image_unmap(&image, 1024, 8 * MIB - 512, &failed) == EIO);
}

static void another_size_is_refused(void)
{
    struct image_wish other = wish;

    image_close(&image);
    other.size = 4 * MIB;
    EXPECT(image_open(&image, &other, message) == IMAGE_BAD_SIZE);
    EXPECT(strstr(message, "8388608 bytes (8 MiB)"));
}

static void an_image_that_is_there_keeps_its_contents(void)
{
    struct image_wish any = wish;

    any.size = 0;
    EXPECT(image_open(&image, &any, message) == IMAGE_OK);
    EXPECT(!image.created && image.size == 8 * MIB);
    EXPECT(image_read(&image, back, 512, 4096, 0, &failed) == 0);
    EXPECT(memcmp(back, data, 512) == 0);
    image_close(&image);
}

static void an_image_that_cannot_be_made_says_why(void)
{
    struct image_wish nowhere = wish;

    nowhere.path = "no-such-folder\\disk.img";
    EXPECT(image_open(&image, &nowhere, message) == IMAGE_FAILED);
    EXPECT(strstr(message, "cannot open image no-such-folder"));
}

static struct memory memory;

static void memory_is_zero_and_larger_than_the_machine(void)
{
    memset(back, 1, sizeof back);
    EXPECT(memory_open(&memory, (sizeof(void *) == 8 ? 256 : 1) * GIB) == 0);
    memory_read(&memory, back, sizeof back, memory.size - sizeof back);
    EXPECT(memcmp(back, zeros, sizeof back) == 0);
}

static void memory_keeps_what_crosses_its_chunks(void)
{
    uint64_t at = memory.size / 2 / MIB * MIB - 65536;

    EXPECT(memory_write(&memory, data, sizeof data, at) == 0);
    memory_read(&memory, back, sizeof back, at);
    EXPECT(memcmp(back, data, sizeof back) == 0);
}

static void unmapped_memory_is_zero_and_nothing_else(void)
{
    uint64_t at = memory.size / 2 / MIB * MIB - 65536;

    memory_unmap(&memory, at + 512, 65536);
    memory_read(&memory, back, sizeof back, at);
    EXPECT(memcmp(back, data, 512) == 0);
    EXPECT(memcmp(back + 512, zeros, 65536) == 0);
    EXPECT(memcmp(back + 512 + 65536, data + 512 + 65536, sizeof back - 512 - 65536) == 0);
    EXPECT(memory_write(&memory, data, sizeof data, at) == 0);
    memory_unmap(&memory, 0, memory.size);
    memory_read(&memory, back, sizeof back, at);
    EXPECT(memcmp(back, zeros, sizeof back) == 0);
    memory_close(&memory);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    TEST(a_new_image_has_its_size_and_is_zero),
    TEST(what_is_written_is_read),
    TEST(unmapped_bytes_are_zero_and_no_others),
    TEST(durable_writes_and_flushes_succeed),
    TEST(who_must_not_wait_is_told_so),
    TEST(a_second_writer_is_refused),
    TEST(the_end_of_the_file_is_an_error_where_it_is),
    TEST(another_size_is_refused),
    TEST(an_image_that_is_there_keeps_its_contents),
    TEST(an_image_that_cannot_be_made_says_why),
    TEST(memory_is_zero_and_larger_than_the_machine),
    TEST(memory_keeps_what_crosses_its_chunks),
    TEST(unmapped_memory_is_zero_and_nothing_else),
};
enum { COUNT = sizeof tests / sizeof tests[0] };

int main(void)
{
    int failures = 0;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + i / 256 + 1);
    DeleteFileA(IMAGE);
    printf("1..%d\n", COUNT);
    for (int i = 0; i < COUNT; i++) {
        wrong = NULL;
        message[0] = '\0';
        tests[i].run();
        failures += wrong != NULL;
        printf("%sok %d - %s\n", wrong ? "not " : "", i + 1, tests[i].name);
        if (wrong)
            printf("# %s; %s\n", wrong, message);
    }
    DeleteFileA(IMAGE);
    return failures != 0;
}
