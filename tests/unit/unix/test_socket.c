/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The socket's file: whose it is, who may use it, when it goes. */

#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int nop_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    (void)device, (void)lba, (void)flags, (void)status;
    memset(buffer, 0, (size_t)blocks * BLOCK);
    return 0;
}

/* The result of creating a read-only unit at this device name. */
static int try_create(const char *device_name, spd_unit **unit)
{
    static const spd_ops ops = { .size = sizeof ops, .read = nop_read };
    spd_params params = SPD_PARAMS_INIT;

    params.block_count = 8;
    params.flags = SPD_WRITE_PROTECTED;
    return spd_unit_create(device_name, &params, &(spd_device){ &ops, NULL }, unit);
}

/* A socket in the fixture's folder, and the device name of a unit there. */
static char path[96], uri[128];

static void name_socket(const char *name, const char *query)
{
    snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
    snprintf(uri, sizeof uri, "unix:%s%s", path, query);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(lstat(name, &st), 0);
    return st.st_mode & 0777;
}

static void only_the_owner_may_connect(void **state)
{
    (void)state;
    fixture_open(SPD_CACHE);
    assert_int_equal(mode_of(fixture.path), 0600);
    assert_string_equal(spd_unit_door_uri(fixture.unit, 0), fixture.uri);
}

static void mode_can_be_chosen(void **state)
{
    spd_unit *unit;

    (void)state;
    fixture_open(SPD_CACHE);
    name_socket("other", "?mode=0660");
    assert_int_equal(try_create(uri, &unit), 0);
    assert_int_equal(mode_of(path), 0660);
    spd_unit_delete(unit);
}

/* Both that the library says of the door are typed in again, and lead to the same file. */
static void any_file_has_a_name_that_can_be_typed(void **state)
{
    static const char *const rows[][2] = { /* the file's name, in a device name and as it is */
        { "a%20b", "a b" },
        { "100%25", "100%" },
        { "a%3Fb", "a?b" },
        { "a%23b", "a#b" },
        { "%22it%27s%22", "\"it's\"" },
        { "a%0Ab", "a\nb" },
        { "%2541", "%41" },
        { "\xc3\xa4", "\xc3\xa4" },
        { "%C3%FF", "\xc3\xff" },
        { "%26%24%60%5C", "&$`\\" },
    };
    char again[128], expected[128], file[96];
    spd_unit *unit;

    (void)state;
    fixture_open(SPD_CACHE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        name_socket(rows[i][0], "?mode=0660");
        snprintf(file, sizeof file, "%s/%s", fixture.folder, rows[i][1]);
        assert_int_equal(try_create(uri, &unit), 0);
        assert_string_equal(spd_unit_door_name(unit, 0), uri);
        snprintf(again, sizeof again, "%s", spd_unit_door_uri(unit, 0));
        spd_unit_delete(unit);
        snprintf(expected, sizeof expected, "unix:%s", path);
        assert_string_equal(again, expected);
        assert_int_equal(try_create(again, &unit), 0);
        assert_int_equal(access(file, F_OK), 0);
        spd_unit_delete(unit);
    }
}

static void bad_uris_are_refused(void **state)
{
    static const struct {
        const char *uri;
        int error;
    } bad[] = {
        { "unix:", SPD_ERROR_URI },
        { "unix:/tmp/x?mode=9", SPD_ERROR_URI_PARAMETER },
        { "unix:/tmp/x?mode=", SPD_ERROR_URI_PARAMETER },
        { "unix:/tmp/x?mode=7777", SPD_ERROR_URI_PARAMETER },
        { "unix:/tmp/x?colour=red", SPD_ERROR_URI_PARAMETER },
        { "unix:/nowhere/at/all/x", SPD_ERROR_ADDRESS },
        { "unix:/tmp", SPD_ERROR_ADDRESS_IN_USE },
        { "unix:/tmp/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
          "abcdefghijklmnopqrstuvwxyz", SPD_ERROR_URI },
    };
    spd_unit *unit;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(try_create(bad[i].uri, &unit), bad[i].error);
        assert_string_not_equal(spd_error_detail(), "");
    }
}

static void live_server_keeps_its_path(void **state)
{
    spd_unit *unit;

    (void)state;
    fixture_start(SPD_CACHE);
    assert_int_equal(try_create(fixture.uri, &unit), SPD_ERROR_ADDRESS_IN_USE);
    client = client_greeted(NULL);
}

static void dead_server_is_replaced(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    spd_unit *unit;
    int fd;

    (void)state;
    fixture_open(SPD_CACHE);
    name_socket("dead", "");
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_int_equal(try_create(uri, &unit), 0);
    close(client_connect(path));
    spd_unit_delete(unit);
    assert_int_equal(access(path, F_OK), -1);
}

static void other_files_are_left_alone(void **state)
{
    spd_unit *unit;
    int fd;

    (void)state;
    fixture_open(SPD_CACHE);
    name_socket("file", "");
    fd = open(path, O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(try_create(uri, &unit), SPD_ERROR_ADDRESS_IN_USE);
    assert_int_equal(unlink(path), 0);
}

/* Somebody moved our socket away and put another there: it is not ours to remove. */
static void successor_keeps_the_path(void **state)
{
    spd_unit *first, *second;

    (void)state;
    fixture_open(SPD_CACHE);
    name_socket("moved", "");
    assert_int_equal(try_create(uri, &first), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_create(uri, &second), 0);
    spd_unit_delete(first);
    assert_int_equal(access(path, F_OK), 0);
    spd_unit_delete(second);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_owner_may_connect),
        TEST(mode_can_be_chosen),
        TEST(any_file_has_a_name_that_can_be_typed),
        TEST(bad_uris_are_refused),
        TEST(live_server_keeps_its_path),
        TEST(dead_server_is_replaced),
        TEST(other_files_are_left_alone),
        TEST(successor_keeps_the_path),
    };

    return cmocka_run_group_tests_name("unix-socket", tests, NULL, NULL);
}
