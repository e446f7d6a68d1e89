/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* An image with direct I/O takes memory at any address, and grows. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../skip.h"
#include "../work.h"
#include "rawdisk/image.h"

enum { BLOCK = 4096, BLOCKS = 16 };

static char path[WORK_PATH_MAX + 16];
static char message[IMAGE_MESSAGE_MAX];
static struct image image;

static void open_image(void)
{
    struct image_wish wish = { .path = path, .writable = true, .cached = true };
    struct image_extent extent = { .size = BLOCK * BLOCKS, .block_length = BLOCK };

    assert_int_equal(image_open(&image, &wish, message), IMAGE_OK);
    assert_int_equal(image_fit(&image, &extent, message), IMAGE_OK);
    assert_int_equal(image_make(&image, message), IMAGE_OK);
}

static int setup(void **state)
{
    (void)state;
    open_image();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    image_close(&image);
    unlink(path);
    return 0;
}

static void go_direct(void)
{
    if (image_go_direct(&image, BLOCK, message) != IMAGE_OK)
        SKIP_BECAUSE("the file system of the tests has no direct I/O");
}

/* A buffer that no rule of alignment allows. */
static char *odd(char memory[BLOCK * 3])
{
    return memory + (((uintptr_t)memory & 1) ? 0 : 1);
}

static void memory_of_any_address_is_moved(void **state)
{
    static char memory[BLOCK * 3], other[BLOCK * 3];
    char *out = odd(memory), *in = odd(other);
    const spd_vec pieces[] = { { in, 100 }, { in + 100, BLOCK },
        { in + 100 + BLOCK, BLOCK - 100 } };
    uint64_t failed;

    (void)state;
    go_direct();
    memset(out, 5, BLOCK);
    memset(out + BLOCK, 6, BLOCK);
    assert_int_equal(image_write(&image, out, 2 * BLOCK, 3 * BLOCK, 0, &failed), 0);
    assert_int_equal(image_readv(&image, pieces, 3, 2 * BLOCK, 3 * BLOCK, 0, &failed), 0);
    assert_memory_equal(in, out, 2 * BLOCK);
}

static void blocks_that_are_too_short_are_refused(void **state)
{
    (void)state;
    go_direct();
    assert_int_equal(image_go_direct(&image, image.direct.offset / 2, message), IMAGE_BAD_SIZE);
    assert_non_null(strstr(message, "use -l "));
}

static void the_end_of_a_truncated_image_is_an_error(void **state)
{
    static char memory[BLOCK * 3];
    uint64_t failed = 0;

    (void)state;
    go_direct();
    assert_int_equal(truncate(path, 2 * BLOCK), 0);
    assert_int_equal(image_read(&image, odd(memory), 2 * BLOCK, BLOCK, 0, &failed), EIO);
    assert_int_equal(failed, 2 * BLOCK);
}

static void a_measured_image_grows_in_whole_blocks(void **state)
{
    (void)state;
    assert_int_equal(image_measure(&image, BLOCK, message), IMAGE_OK);
    assert_int_equal(image.size, BLOCK * BLOCKS);
    assert_int_equal(truncate(path, BLOCK * (BLOCKS + 2)), 0);
    assert_int_equal(image_measure(&image, BLOCK, message), IMAGE_OK);
    assert_int_equal(image.size, BLOCK * (BLOCKS + 2));
    assert_int_equal(truncate(path, BLOCK * (BLOCKS + 2) + 1), 0);
    assert_int_equal(image_measure(&image, BLOCK, message), IMAGE_BAD_SIZE);
    assert_int_equal(truncate(path, BLOCK), 0);
    assert_int_equal(image_measure(&image, BLOCK, message), IMAGE_BAD_SIZE);
    assert_non_null(strstr(message, "lengthen the image again"));
    assert_int_equal(image.size, BLOCK * (BLOCKS + 2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_of_any_address_is_moved),
        TEST(blocks_that_are_too_short_are_refused),
        TEST(the_end_of_a_truncated_image_is_an_error),
        TEST(a_measured_image_grows_in_whole_blocks),
    };
    char directory[WORK_PATH_MAX];
    int failures;

    if (!mkdtemp(work_template(directory, "direct-test")))
        return 1;
    snprintf(path, sizeof path, "%s/disk.img", directory);
    failures = cmocka_run_group_tests_name("direct", tests, NULL, NULL);
    rmdir(directory);
    return failures;
}
