/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where rawdisk and memdisk keep their blocks on Windows. Prints TAP; runs in a folder of its own.
 */

#include "../../../devices/memdisk/memory.h"
#include "../../../devices/rawdisk/image.h"

#include <windows.h>
#include <winternl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "test.img"
#define MIB   (UINT64_C(1) << 20)
#define GIB   (UINT64_C(1) << 30)

enum { THREADS = 4, ROUNDS = 300, PIECE = 4096, CHUNK = 65536 };

static const char *wrong;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            wrong = #condition;                                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Runs work(0) to work(THREADS - 1) at once; how many of them returned 0. */
static int at_once(LPTHREAD_START_ROUTINE work)
{
    HANDLE threads[THREADS];
    int good = 0;

    for (uintptr_t i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, work, (void *)i, 0, NULL);
    for (int i = 0; i < THREADS; i++) {
        DWORD result = 1;

        WaitForSingleObject(threads[i], INFINITE);
        GetExitCodeThread(threads[i], &result);
        CloseHandle(threads[i]);
        good += result == 0;
    }
    return good;
}

static struct image image;
static char message[IMAGE_MESSAGE_MAX];
static uint64_t failed;
static unsigned char data[3 * 65536], back[sizeof data], zeros[sizeof data];

static const struct image_wish wish = { .path = IMAGE, .writable = true, .cached = true };
static const struct image_extent extent = { .size = 8 * MIB, .block_length = 512 };

static void a_new_image_has_its_size_and_is_zero(void)
{
    memset(back, 1, sizeof back);
    EXPECT(image_open(&image, &wish, message) == IMAGE_OK &&
        image_fit(&image, &extent, message) == IMAGE_OK &&
        image_make(&image, message) == IMAGE_OK);
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

static void requests_do_not_wait_for_each_other(void)
{
    enum { FILE_MODE_INFORMATION = 16, SYNCHRONOUS = 0x10 | 0x20 }; /* FILE_SYNCHRONOUS_IO_* */
    IO_STATUS_BLOCK io;
    ULONG mode = SYNCHRONOUS;

    EXPECT(NtQueryInformationFile(image.handle, &io, &mode, sizeof mode,
               (FILE_INFORMATION_CLASS)FILE_MODE_INFORMATION) == 0);
    EXPECT((mode & SYNCHRONOUS) == 0);
}

/* Each thread has every fourth piece of a range. */
static DWORD WINAPI write_and_read(void *argument)
{
    unsigned char mine[PIECE], read[PIECE];
    uint64_t where, wrong_at;

    for (int round = 0; round < ROUNDS; round++) {
        memset(mine, (int)(uintptr_t)argument * ROUNDS + round + 1, sizeof mine);
        where = (uint64_t)(round % 8 * THREADS + (int)(uintptr_t)argument) * PIECE;
        if (image_write(&image, mine, PIECE, where, 0, &wrong_at) ||
            image_read(&image, read, PIECE, where, 0, &wrong_at) ||
            memcmp(mine, read, PIECE) != 0)
            return 1;
    }
    return 0;
}

static void threads_use_an_image_at_once(void)
{
    EXPECT(at_once(write_and_read) == THREADS);
    EXPECT(image_write(&image, data, sizeof data, 4096, 0, &failed) == 0);
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
    struct image_extent other = extent;

    image_close(&image);
    other.size = 4 * MIB;
    EXPECT(image_open(&image, &wish, message) == IMAGE_OK);
    EXPECT(image_fit(&image, &other, message) == IMAGE_BAD_SIZE);
    EXPECT(strstr(message, "8388608 bytes (8 MiB)"));
}

static void an_image_that_is_there_keeps_its_contents(void)
{
    struct image_extent any = extent;

    any.size = 0;
    image_close(&image);
    EXPECT(image_open(&image, &wish, message) == IMAGE_OK);
    EXPECT(image_fit(&image, &any, message) == IMAGE_OK);
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

static bool put_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    bool put = file && fwrite("theirs", 6, 1, file) == 1;

    return file && !fclose(file) && put;
}

static bool is_put_file(const char *path)
{
    char text[8] = { 0 };
    FILE *file = fopen(path, "rb");
    bool whole = file && fread(text, 1, sizeof text, file) == 6 && !strcmp(text, "theirs");

    if (file)
        fclose(file);
    return whole;
}

static bool plan_new(void)
{
    DeleteFileA(IMAGE);
    return image_open(&image, &wish, message) == IMAGE_OK &&
        image_fit(&image, &extent, message) == IMAGE_OK;
}

static void an_image_that_was_made_is_taken_back(void)
{
    EXPECT(plan_new() && image_make(&image, message) == IMAGE_OK);
    EXPECT(GetFileAttributesA(IMAGE) != INVALID_FILE_ATTRIBUTES);
    EXPECT(image_unmake(&image));
    image_close(&image);
    EXPECT(GetFileAttributesA(IMAGE) == INVALID_FILE_ATTRIBUTES);
}

static void an_empty_image_is_empty_again(void)
{
    WIN32_FILE_ATTRIBUTE_DATA there = { .nFileSizeLow = 1 };
    HANDLE file;

    DeleteFileA(IMAGE);
    file = CreateFileA(IMAGE, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    CloseHandle(file);
    EXPECT(image_open(&image, &wish, message) == IMAGE_OK &&
        image_fit(&image, &extent, message) == IMAGE_OK &&
        image_make(&image, message) == IMAGE_OK && image_unmake(&image));
    image_close(&image);
    EXPECT(GetFileAttributesExA(IMAGE, GetFileExInfoStandard, &there) && there.nFileSizeLow == 0);
    DeleteFileA(IMAGE);
}

static void what_another_program_made_meanwhile_stays(void)
{
    EXPECT(plan_new() && put_file(IMAGE));
    EXPECT(image_make(&image, message) == IMAGE_FAILED && strstr(message, "another program"));
    EXPECT(image_unmake(&image) && is_put_file(IMAGE));
    image_close(&image);
    EXPECT(is_put_file(IMAGE));
}

/* The path may name another file by the time that the image is taken back. */
static void what_has_the_name_of_the_image_by_then_stays(void)
{
    EXPECT(plan_new() && image_make(&image, message) == IMAGE_OK && put_file("other.img"));
    image.path = "other.img";
    EXPECT(!image_unmake(&image));
    image_close(&image);
    EXPECT(is_put_file("other.img"));
    DeleteFileA("other.img");
    DeleteFileA(IMAGE);
}

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

static void unmapped_memory_is_given_back(void)
{
    MEMORY_BASIC_INFORMATION is;

    EXPECT(memory_open(&memory, 8 * MIB + PIECE) == 0);
    EXPECT(memory_write(&memory, data, PIECE, 8 * MIB) == 0);
    EXPECT(memory_write(&memory, data, sizeof data, MIB) == 0);
    VirtualQuery(memory.base + MIB, &is, sizeof is);
    EXPECT(is.State == MEM_COMMIT);
    memory_unmap(&memory, MIB, memory.page);
    VirtualQuery(memory.base + MIB, &is, sizeof is);
    EXPECT(is.State == MEM_RESERVE && is.RegionSize == memory.page);
    memory_unmap(&memory, 8 * MIB, PIECE); /* less than a chunk, and all there is of it */
    VirtualQuery(memory.base + 8 * MIB, &is, sizeof is);
    EXPECT(is.State == MEM_RESERVE);
    EXPECT(memory_write(&memory, data, 512, MIB + 512) == 0);
    memory_read(&memory, back, CHUNK, MIB);
    EXPECT(memcmp(back, zeros, 512) == 0 && memcmp(back + 512, data, 512) == 0);
    EXPECT(memcmp(back + 1024, zeros, CHUNK - 1024) == 0);
}

/* A thread unmaps while the others read and write: every byte is the written one or zero. */
static DWORD WINAPI take_away_or_use(void *argument)
{
    static volatile LONG users = THREADS - 1;
    unsigned char mine[CHUNK];
    int bad = 0;

    while (!argument && users > 0)
        memory_unmap(&memory, 0, 2 * CHUNK);
    for (int round = 0; argument && round < 10 * ROUNDS && !bad; round++) {
        bad = memory_write(&memory, data, CHUNK, CHUNK / 2);
        memory_read(&memory, mine, CHUNK, CHUNK / 2);
        for (int i = 0; i < CHUNK; i++)
            bad |= mine[i] != 0 && mine[i] != data[i];
    }
    InterlockedDecrement(&users);
    return (DWORD)bad;
}

static void memory_in_use_is_not_taken_away(void)
{
    EXPECT(at_once(take_away_or_use) == THREADS);
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
    TEST(requests_do_not_wait_for_each_other),
    TEST(threads_use_an_image_at_once),
    TEST(a_second_writer_is_refused),
    TEST(the_end_of_the_file_is_an_error_where_it_is),
    TEST(another_size_is_refused),
    TEST(an_image_that_is_there_keeps_its_contents),
    TEST(an_image_that_cannot_be_made_says_why),
    TEST(an_image_that_was_made_is_taken_back),
    TEST(an_empty_image_is_empty_again),
    TEST(what_another_program_made_meanwhile_stays),
    TEST(what_has_the_name_of_the_image_by_then_stays),
    TEST(memory_is_zero_and_larger_than_the_machine),
    TEST(memory_keeps_what_crosses_its_chunks),
    TEST(unmapped_memory_is_zero_and_nothing_else),
    TEST(unmapped_memory_is_given_back),
    TEST(memory_in_use_is_not_taken_away),
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
