/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "../work.h"
#include "rawdisk/image.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static char directory[WORK_PATH_MAX];
static char path[WORK_PATH_MAX + 16];
static char message[IMAGE_MESSAGE_MAX];
static struct image image;

static enum image_result open_with(uint64_t size, uint32_t block_length, bool writable)
{
    struct image_wish wish = {.path = path, .writable = writable, .cached = true};
    struct image_extent extent = {
        .size = size, .fallback_size = 2 * MIB, .block_length = block_length
    };
    enum image_result result = image_open(&image, &wish, message);

    if (result == IMAGE_OK)
        result = image_fit(&image, &extent, message);
    return result == IMAGE_OK ? image_make(&image, message) : result;
}

static void make_file(off_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static off_t file_size(void)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

static blkcnt_t allocated(void)
{
    struct stat st;

    assert_int_equal(fsync(image.fd), 0);
    assert_int_equal(fstat(image.fd, &st), 0);
    return st.st_blocks;
}

static int setup(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    image_close(&image);
    unlink(path);
    return 0;
}

static void new_image_gets_the_size_asked_for_and_stays_sparse(void **state)
{
    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    assert_true(image.created);
    assert_int_equal(image.size, MIB);
    assert_int_equal(file_size(), MIB);
    assert_int_equal(allocated(), 0);
}

static void new_image_without_a_size_gets_the_fallback(void **state)
{
    (void)state;
    assert_int_equal(open_with(0, 512, true), IMAGE_OK);
    assert_int_equal(file_size(), 2 * MIB);
}

static void present_image_says_its_size_itself(void **state)
{
    (void)state;
    make_file(3 * 4096);
    assert_int_equal(open_with(0, 512, true), IMAGE_OK);
    assert_int_equal(image.size, 3 * 4096);
    assert_false(image.created);
}

static void other_size_is_refused_and_both_are_named(void **state)
{
    (void)state;
    make_file(MIB);
    assert_int_equal(open_with(2 * MIB, 512, true), IMAGE_BAD_SIZE);
    assert_non_null(strstr(message, "1048576 bytes (1 MiB)"));
    assert_non_null(strstr(message, "2097152 bytes (2 MiB)"));
    assert_int_equal(file_size(), MIB);
}

static void size_that_is_no_multiple_of_the_block_is_refused(void **state)
{
    (void)state;
    make_file(512 * 3);
    assert_int_equal(open_with(0, 4096, true), IMAGE_BAD_SIZE);
    assert_non_null(strstr(message, "multiple of the block length 4096: lengthen it to 4096 "));
}

static void write_protected_image_is_made_and_then_not_written(void **state)
{
    uint64_t failed;

    (void)state;
    assert_int_equal(open_with(MIB, 512, false), IMAGE_OK);
    assert_int_equal(file_size(), MIB);
    image_close(&image);
    assert_int_equal(open_with(0, 512, false), IMAGE_OK);
    assert_int_equal(image_write(&image, "", 1, 0, 0, &failed), EBADF);
}

/* Opens with a limit on the size of files, which works on every file system. */
static int open_within(rlim_t bytes, uint64_t size)
{
    struct rlimit saved, limit;
    int result;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    limit = (struct rlimit){.rlim_cur = bytes, .rlim_max = saved.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    result = open_with(size, 512, true);
    setrlimit(RLIMIT_FSIZE, &saved);
    return result;
}

static void image_of_a_size_that_cannot_be_made_is_not_left_behind(void **state)
{
    (void)state;
    assert_int_equal(open_within(64 * KIB, MIB), IMAGE_FAILED);
    assert_true(image_unmake(&image));
    assert_int_equal(file_size(), -1);
}

static void directory_and_device_are_no_images(void **state)
{
    char saved[sizeof path];

    (void)state;
    memcpy(saved, path, sizeof path);
    snprintf(path, sizeof path, "%s", directory);
    assert_int_equal(open_with(0, 512, false), IMAGE_FAILED);
    assert_non_null(strstr(message, "must be a regular file or a block device"));
    snprintf(path, sizeof path, "/dev/null");
    assert_int_equal(open_with(0, 512, true), IMAGE_FAILED);
    assert_non_null(strstr(message, "/dev/null"));
    memcpy(path, saved, sizeof path);
}

static void image_in_use_is_refused_until_it_is_closed(void **state)
{
    struct image first;

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    first = image;
    assert_int_equal(open_with(0, 512, true), IMAGE_FAILED);
    assert_non_null(strstr(message, "is in use"));
    assert_non_null(strstr(message, path));
    assert_int_equal(open_with(0, 512, false), IMAGE_FAILED);
    image_close(&first);
    assert_int_equal(open_with(0, 512, true), IMAGE_OK);
}

enum { RACERS = 4, RACES = 500 };

static pthread_barrier_t start, end;

/* Opens the image once a race; *argument counts how often it was the first. */
static void *race(void *argument)
{
    struct image_wish wish = {.path = path, .writable = true, .cached = true};
    struct image_extent extent = {.size = MIB, .block_length = 512};
    unsigned *won = argument;

    for (unsigned i = 0; i < RACES; i++) {
        char why[IMAGE_MESSAGE_MAX];
        struct image mine;

        pthread_barrier_wait(&start);
        *won += image_open(&mine, &wish, why) == IMAGE_OK &&
            image_fit(&mine, &extent, why) == IMAGE_OK && image_make(&mine, why) == IMAGE_OK;
        pthread_barrier_wait(&end);
        image_close(&mine);
    }
    return NULL;
}

static void of_several_that_make_an_image_one_has_it(void **state)
{
    pthread_t threads[RACERS];
    unsigned won[RACERS] = {0}, all = 0;

    (void)state;
    pthread_barrier_init(&start, NULL, RACERS + 1);
    pthread_barrier_init(&end, NULL, RACERS + 1);
    for (unsigned i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &won[i]), 0);
    for (unsigned i = 0; i < RACES; i++) {
        unlink(path);
        pthread_barrier_wait(&start);
        pthread_barrier_wait(&end);
        assert_int_equal(file_size(), MIB);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        all += won[i];
    }
    assert_int_equal(all, RACES);
    pthread_barrier_destroy(&start);
    pthread_barrier_destroy(&end);
}

static void write_protected_servers_share_an_image(void **state)
{
    struct image first;

    (void)state;
    make_file(MIB);
    assert_int_equal(open_with(0, 512, false), IMAGE_OK);
    first = image;
    assert_int_equal(open_with(0, 512, false), IMAGE_OK);
    image_close(&image);
    assert_int_equal(open_with(0, 512, true), IMAGE_FAILED);
    image_close(&first);
}

static void name_is_the_same_by_every_path(void **state)
{
    char first[IMAGE_NAME_MAX], link[sizeof path + 2];
    struct image_wish wish = {.path = link, .writable = true};

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    memcpy(first, image.name, sizeof first);
    image_close(&image);
    assert_non_null(strstr(first, path));
    snprintf(link, sizeof link, "%s.l", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(image_open(&image, &wish, message), IMAGE_OK);
    unlink(link);
    assert_string_equal(image.name, first);
}

static void what_is_written_is_read(void **state)
{
    static char out[8 * KIB], in[8 * KIB];
    uint64_t failed;

    (void)state;
    memset(out, 0x5a, sizeof out);
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    assert_int_equal(image_write(&image, out, sizeof out, MIB - sizeof out, 0, &failed), 0);
    assert_int_equal(image_write(&image, out, 512, 4096, IMAGE_DURABLE, &failed), 0);
    assert_int_equal(image_flush(&image), 0);
    assert_int_equal(image_read(&image, in, sizeof in, MIB - sizeof in, 0, &failed), 0);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(image_read(&image, in, 512, 4096, IMAGE_DURABLE, &failed), 0);
    assert_memory_equal(in, out, 512);
}

static size_t most; /* bytes that one call moves; 0: as many as it likes */

/* In place of the C library's, whose calls may move less than they were asked for at any time. */

static long move(long call, int fd, const struct iovec *vec, int count, off_t offset, int flags)
{
    struct iovec first = *vec;

    if (most && most < first.iov_len)
        first.iov_len = most;
    return syscall(call, fd, most ? &first : vec, most ? 1 : count, offset, 0L, flags);
}

ssize_t preadv2(int fd, const struct iovec *vec, int count, off_t offset, int flags)
{
    return move(SYS_preadv2, fd, vec, count, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *vec, int count, off_t offset, int flags)
{
    return move(SYS_pwritev2, fd, vec, count, offset, flags);
}

/* More of them than go with one call, some of them empty; and calls that end within a piece. */
static void pieces_are_moved_as_one(void **state)
{
    enum { PIECES = 150, LENGTH = PIECES / 3 * (0 + 100 + 200) };
    static char out[LENGTH], in[LENGTH];
    spd_vec from[PIECES], to[PIECES];
    size_t at = 0;
    uint64_t failed;

    (void)state;
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i * 7 / 3);
    for (size_t i = 0; i < PIECES; at += from[i++].length) {
        from[i] = (spd_vec){ out + at, i % 3 * 100 };
        to[i] = (spd_vec){ in + at, i % 3 * 100 };
    }
    assert_int_equal(open_with(64 * KIB, 512, true), IMAGE_OK);
    assert_int_equal(image_writev(&image, from, PIECES, sizeof out, 512, 0, &failed), 0);
    assert_int_equal(image_readv(&image, to, PIECES, sizeof in, 512, 0, &failed), 0);
    assert_memory_equal(in, out, sizeof in);
    most = 77;
    memset(in, 0, sizeof in);
    assert_int_equal(image_writev(&image, to, PIECES, sizeof in, 512, 0, &failed), 0);
    assert_int_equal(image_writev(&image, from, PIECES, sizeof out, 512, 0, &failed), 0);
    assert_int_equal(image_readv(&image, to, PIECES, sizeof in, 512, 0, &failed), 0);
    most = 0;
    assert_memory_equal(in, out, sizeof in);
    memset(in, 0, sizeof in);
    assert_int_equal(image_read(&image, in, sizeof in, 512, 0, &failed), 0);
    assert_memory_equal(in, out, sizeof in);
    /* The last pieces are no longer there. */
    assert_int_equal(truncate(path, 512 + LENGTH - 250), 0);
    assert_int_equal(image_readv(&image, to, PIECES, sizeof in, 512, 0, &failed), EIO);
    assert_int_equal(failed, 512 + LENGTH - 250);
}

static void nowait_does_it_or_says_again(void **state)
{
    static char out[4 * KIB] = "data", in[4 * KIB];
    uint64_t failed;
    int error;

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    error = image_write(&image, out, sizeof out, 0, IMAGE_NOWAIT, &failed);
    assert_true(error == 0 || error == EAGAIN);
    assert_int_equal(image_write(&image, out, sizeof out, 0, 0, &failed), 0);
    error = image_read(&image, in, sizeof in, 0, IMAGE_NOWAIT, &failed);
    assert_true(error == 0 || error == EAGAIN);
    if (error == 0)
        assert_memory_equal(in, out, sizeof in);
    if (!image.memory)
        assert_int_equal(image_write(&image, out, 512, 0, IMAGE_NOWAIT | IMAGE_DURABLE, &failed),
            EAGAIN);
}

static void truncated_image_is_an_error_at_the_first_lost_byte(void **state)
{
    static char buffer[8 * KIB];
    uint64_t failed = 0;

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    assert_int_equal(truncate(path, 6 * KIB), 0);
    assert_int_equal(image_read(&image, buffer, sizeof buffer, 0, 0, &failed), EIO);
    assert_int_equal(failed, 6 * KIB);
    assert_int_equal(image_write(&image, buffer, sizeof buffer, 4 * KIB, 0, &failed), EIO);
    assert_int_equal(failed, 6 * KIB);
    assert_int_equal(image_write(&image, buffer, sizeof buffer, 64 * KIB, 0, &failed), EIO);
    assert_int_equal(failed, 64 * KIB);
    assert_int_equal(image_unmap(&image, 4 * KIB, 64 * KIB, &failed), EIO);
    assert_int_equal(failed, 64 * KIB);
    assert_int_equal(file_size(), 6 * KIB);
    assert_int_equal(image_read(&image, buffer, 4 * KIB, 0, 0, &failed), 0);
}

static void unmap_gives_space_back_and_leaves_zeros(void **state)
{
    static char ones[256 * KIB], zeros[256 * KIB], in[256 * KIB];
    blkcnt_t before, after;
    uint64_t failed;

    (void)state;
    memset(ones, 1, sizeof ones);
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    assert_int_equal(image_write(&image, ones, sizeof ones, 0, 0, &failed), 0);
    before = allocated();
    assert_int_equal(image_unmap(&image, 128 * KIB, 64 * KIB, &failed), 0);
    after = allocated();
    if (atomic_load(&image.unmap_method) == 0)
        assert_true(after <= before - 128 * KIB / 512);
    assert_int_equal(image_read(&image, in, sizeof in, 0, 0, &failed), 0);
    assert_memory_equal(in, ones, 64 * KIB);
    assert_memory_equal(in + 64 * KIB, zeros, 128 * KIB);
    assert_memory_equal(in + 192 * KIB, ones, 64 * KIB);
    assert_int_equal(file_size(), MIB);
}

static void zeros_that_keep_their_space_are_zeros_by_every_method(void **state)
{
    static char ones[256 * KIB], in[256 * KIB];
    blkcnt_t before;
    uint64_t failed;

    (void)state;
    memset(ones, 1, sizeof ones);
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    for (unsigned method = 0; method <= 2; method++) {
        atomic_store(&image.keep_method, method);
        assert_int_equal(image_write(&image, ones, sizeof ones, 0, 0, &failed), 0);
        before = allocated();
        assert_int_equal(image_zero(&image, 128 * KIB, 512, IMAGE_KEEP, &failed), 0);
        assert_true(allocated() >= before);
        assert_int_equal(image_read(&image, in, sizeof in, 0, 0, &failed), 0);
        for (size_t i = 0; i < sizeof in; i++)
            assert_int_equal(in[i], i < 512 || i >= 512 + 128 * KIB);
    }
    assert_int_equal(atomic_load(&image.unmap_method), 0); /* which it says nothing about */
    assert_int_equal(image_zero(&image, 4 * KIB, 0, IMAGE_KEEP | IMAGE_FAST, &failed), EOPNOTSUPP);
    assert_int_equal(image_read(&image, in, 512, 0, 0, &failed), 0);
    assert_int_equal(in[0], 1);
}

static void long_unmap_has_the_right_ends(void **state)
{
    enum { SIZE = 12 * MIB, FROM = MIB - 512, TO = FROM + 9 * MIB + 1024 };
    static char ones[SIZE], in[SIZE];
    uint64_t failed;

    (void)state;
    memset(ones, 1, sizeof ones);
    assert_int_equal(open_with(SIZE, 512, true), IMAGE_OK);
    assert_true(image.holes);
    for (unsigned method = 0; method <= 2; method++) {
        atomic_store(&image.unmap_method, method);
        assert_int_equal(image_write(&image, ones, SIZE, 0, 0, &failed), 0);
        assert_int_equal(image_unmap(&image, TO - FROM, FROM, &failed), 0);
        assert_int_equal(image_read(&image, in, SIZE, 0, 0, &failed), 0);
        assert_memory_equal(in, ones, FROM);
        for (size_t i = FROM; i < TO; i++)
            assert_int_equal(in[i], 0);
        assert_memory_equal(in + TO, ones, SIZE - TO);
    }
}

static void unmap_writes_zeros_where_nothing_better_works(void **state)
{
    static char ones[256 * KIB], in[256 * KIB];
    uint64_t failed;

    (void)state;
    memset(ones, 1, sizeof ones);
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    for (unsigned method = 1; method <= 2; method++) {
        atomic_store(&image.unmap_method, method);
        assert_int_equal(image_write(&image, ones, sizeof ones, 0, 0, &failed), 0);
        assert_int_equal(image_unmap(&image, 70 * KIB, 512, &failed), 0);
        assert_int_equal(image_read(&image, in, sizeof in, 0, 0, &failed), 0);
        assert_int_equal(in[511], 1);
        for (size_t i = 512; i < 512 + 70 * KIB; i++)
            assert_int_equal(in[i], 0);
        assert_int_equal(in[512 + 70 * KIB], 1);
    }
}

static void limit_on_the_file_size_is_lack_of_space_and_not_a_signal(void **state)
{
    static char buffer[4 * KIB];
    struct rlimit saved, limit;
    uint64_t failed;
    int error;

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    limit = (struct rlimit){.rlim_cur = 64 * KIB, .rlim_max = saved.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    error = image_write(&image, buffer, sizeof buffer, 128 * KIB, 0, &failed);
    setrlimit(RLIMIT_FSIZE, &saved);
    assert_int_equal(error, ENOSPC);
    assert_int_equal(failed, 128 * KIB);
    assert_int_equal(image_flush(&image), 0);
}

static void failed_flush_stays_failed(void **state)
{
    uint64_t failed;
    char byte[1];
    int fd, ends[2];

    (void)state;
    assert_int_equal(open_with(MIB, 512, true), IMAGE_OK);
    image.memory = false; /* so that it flushes even where the file is in RAM */
    fd = image.fd;
    assert_int_equal(pipe(ends), 0);
    image.fd = ends[1]; /* fdatasync() refuses a pipe */
    assert_int_equal(image_flush(&image), EIO);
    image.fd = fd;
    assert_int_equal(image_flush(&image), EIO);
    assert_int_equal(image_lost(&image), EINVAL); /* as the system said it */
    assert_int_equal(image_write(&image, "", 1, 0, IMAGE_DURABLE, &failed), EIO);
    assert_int_equal(image_read(&image, byte, 1, 0, IMAGE_DURABLE, &failed), EIO);
    assert_int_equal(image_write(&image, "", 1, 0, 0, &failed), 0);
    assert_int_equal(image_read(&image, byte, 1, 0, 0, &failed), 0);
    image.cached = false; /* as with -C 0: nothing is done that is not durable, but reads are */
    assert_int_equal(image_unmap(&image, 512, 0, &failed), EIO);
    assert_int_equal(image_read(&image, byte, 1, 0, IMAGE_DURABLE, &failed), 0);
    close(ends[0]);
    close(ends[1]);
}

#define IMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAGE_TEST(new_image_gets_the_size_asked_for_and_stays_sparse),
        IMAGE_TEST(new_image_without_a_size_gets_the_fallback),
        IMAGE_TEST(present_image_says_its_size_itself),
        IMAGE_TEST(other_size_is_refused_and_both_are_named),
        IMAGE_TEST(size_that_is_no_multiple_of_the_block_is_refused),
        IMAGE_TEST(write_protected_image_is_made_and_then_not_written),
        IMAGE_TEST(image_of_a_size_that_cannot_be_made_is_not_left_behind),
        IMAGE_TEST(directory_and_device_are_no_images),
        IMAGE_TEST(image_in_use_is_refused_until_it_is_closed),
        IMAGE_TEST(of_several_that_make_an_image_one_has_it),
        IMAGE_TEST(write_protected_servers_share_an_image),
        IMAGE_TEST(name_is_the_same_by_every_path),
        IMAGE_TEST(what_is_written_is_read),
        IMAGE_TEST(pieces_are_moved_as_one),
        IMAGE_TEST(nowait_does_it_or_says_again),
        IMAGE_TEST(truncated_image_is_an_error_at_the_first_lost_byte),
        IMAGE_TEST(unmap_gives_space_back_and_leaves_zeros),
        IMAGE_TEST(zeros_that_keep_their_space_are_zeros_by_every_method),
        IMAGE_TEST(long_unmap_has_the_right_ends),
        IMAGE_TEST(unmap_writes_zeros_where_nothing_better_works),
        IMAGE_TEST(limit_on_the_file_size_is_lack_of_space_and_not_a_signal),
        IMAGE_TEST(failed_flush_stays_failed),
    };
    int failures;

    if (!mkdtemp(work_template(directory, "image-test")))
        return 1;
    snprintf(path, sizeof path, "%s/disk.img", directory);
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failures;
}
