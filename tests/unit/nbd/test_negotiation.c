/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The negotiation: what clients learn, and what they cannot do. */

#include "fixture.h"

#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scsi/be.h"

static void clients_learn_what_the_unit_is(void **state)
{
    uint8_t data[8192], go[256];
    uint32_t length;
    uint16_t flags;
    int fd;

    (void)state;
    begin(ALL | SPD_NEVER_BLOCKS);
    fd = client_greeted();
    client_option(fd, NBD_OPT_INFO, go, go_data(go, "disk"));
    assert_int_equal(client_answer(fd, NBD_OPT_INFO, data, &length), NBD_REP_INFO);
    assert_int_equal(length, 12);
    assert_int_equal(be16_get(data), NBD_INFO_EXPORT);
    assert_true(be64_get(data + 2) == SIZE);
    flags = be16_get(data + 10);
    assert_true(flags & NBD_FLAG_CAN_MULTI_CONN);
    assert_true(flags & NBD_FLAG_SEND_TRIM);
    assert_false(flags & (NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_DF));
    assert_int_equal(client_answer(fd, NBD_OPT_INFO, data, &length), NBD_REP_INFO);
    assert_int_equal(be16_get(data), NBD_INFO_BLOCK_SIZE);
    assert_int_equal(be32_get(data + 2), BLOCK);
    assert_int_equal(be32_get(data + 10), 16 << 20);
    assert_int_equal(client_answer(fd, NBD_OPT_INFO, data, &length), NBD_REP_ACK);
    close(fd);
}

static void a_list_has_the_name_and_the_description(void **state)
{
    uint8_t data[8192];
    uint32_t length;
    int fd;

    (void)state;
    begin(ALL);
    fd = client_greeted();
    client_option(fd, NBD_OPT_LIST, NULL, 0);
    assert_int_equal(client_answer(fd, NBD_OPT_LIST, data, &length), NBD_REP_SERVER);
    assert_true(length > 8);
    assert_memory_equal(data, "\0\0\0\4disk", 8);
    assert_int_equal(client_last_answer(fd, NBD_OPT_LIST), NBD_REP_ACK);
    client_option(fd, NBD_OPT_LIST, "x", 1);
    assert_int_equal(client_last_answer(fd, NBD_OPT_LIST), NBD_REP_ERR_INVALID);
    close(fd);
}

static void a_wrong_option_is_refused_and_another_one_taken(void **state)
{
    static const uint8_t much[20000];
    uint8_t go[256];
    int fd;

    (void)state;
    begin(ALL);
    fd = client_greeted();
    client_option(fd, 4711, "junk", 4);
    assert_int_equal(client_last_answer(fd, 4711), NBD_REP_ERR_UNSUP);
    client_option(fd, NBD_OPT_GO, go, go_data(go, "other"));
    assert_int_equal(client_last_answer(fd, NBD_OPT_GO), NBD_REP_ERR_UNKNOWN);
    client_option(fd, NBD_OPT_GO, "\xff\xff\xff\xff\0\0", 6);
    assert_int_equal(client_last_answer(fd, NBD_OPT_GO), NBD_REP_ERR_INVALID);
    client_option(fd, NBD_OPT_GO, much, sizeof much);
    assert_int_equal(client_last_answer(fd, NBD_OPT_GO), NBD_REP_ERR_TOO_BIG);
    client_option(fd, NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(client_last_answer(fd, NBD_OPT_SET_META_CONTEXT), NBD_REP_ERR_INVALID);
    client_option(fd, NBD_OPT_GO, go, go_data(go, ""));
    assert_int_equal(client_last_answer(fd, NBD_OPT_GO), NBD_REP_ACK);
    close(fd);
}

static void old_clients_choose_an_export_without_an_answer(void **state)
{
    static const uint8_t no_flags[4];
    uint8_t bytes[10 + NBD_OLD_ZEROES];
    int fd;

    (void)state;
    begin(ALL);
    fd = client_connect();
    assert_true(client_receive(fd, bytes, NBD_GREETING_LENGTH));
    client_send(fd, no_flags, sizeof no_flags);
    client_option(fd, NBD_OPT_EXPORT_NAME, "disk", 4);
    assert_true(client_receive(fd, bytes, sizeof bytes));
    assert_true(be64_get(bytes) == SIZE);
    assert_int_equal(client_do(fd, SIMPLE, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
    close(fd);
    fd = client_greeted();
    client_option(fd, NBD_OPT_EXPORT_NAME, "other", 5);
    assert_closed(fd);
}

static void a_client_that_breaks_the_protocol_goes(void **state)
{
    uint8_t bytes[NBD_REQUEST_LENGTH] = { 0 };
    int fd;

    (void)state;
    begin(ALL);
    fd = client_connect();
    assert_true(client_receive(fd, bytes, NBD_GREETING_LENGTH));
    client_send(fd, "\0\0\0\x80", 4);
    assert_closed(fd);
    fd = client_greeted();
    client_send(fd, "IHAVENOTHING AT ALL", 16);
    assert_closed(fd);
    fd = client_begin(SIMPLE);
    memset(bytes, 0, sizeof bytes);
    client_send(fd, bytes, sizeof bytes);
    assert_closed(fd);
    fd = client_begin(STRUCTURED);
    assert_int_equal(client_do(fd, STRUCTURED, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
    close(fd);
}

static void a_client_that_only_negotiates_loses_its_place(void **state)
{
    int fds[PLACES], one;

    (void)state;
    begin(ALL);
    for (int i = 0; i < PLACES; i++)
        fds[i] = client_greeted();
    one = client_begin(STRUCTURED);
    assert_closed(fds[0]);
    assert_int_equal(client_do(one, STRUCTURED, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
    close(one);
    for (int i = 1; i < PLACES; i++)
        close(fds[i]);
}

static void a_place_is_free_when_its_client_goes(void **state)
{
    static const struct ask farewell = { .type = NBD_CMD_DISC };
    int fds[PLACES];

    (void)state;
    begin(ALL);
    for (int i = 0; i < PLACES; i++)
        fds[i] = client_begin(SIMPLE);
    assert_closed(client_connect());
    for (int i = 0; i < 3 * PLACES; i++) {
        client_ask(fds[i % PLACES], SIMPLE, &farewell, NULL);
        assert_closed(fds[i % PLACES]);
        fds[i % PLACES] = client_begin(SIMPLE);
    }
    for (int i = 0; i < PLACES; i++)
        close(fds[i]);
}

/* Requests of clients that have gone are still the device's, but others may come. The end of their
 * stream is enough: TCP tells nothing else. */
static void a_place_is_free_although_the_device_hangs(void **state)
{
    static const uint8_t data[BLOCK];
    static const struct ask write = { NBD_CMD_WRITE, 0, 1, 0, BLOCK };
    int fds[PLACES], gone[THREADS];

    (void)state;
    begin(ALL);
    atomic_store(&fixture.hold, true);
    for (int i = 0; i < PLACES; i++)
        fds[i] = client_begin(SIMPLE);
    for (int i = 0; i < THREADS; i++)
        client_ask(fds[i], SIMPLE, &write, data);
    while (atomic_load(&fixture.waiting) < THREADS)
        sched_yield();
    for (int i = 0; i < THREADS; i++) {
        gone[i] = fds[i];
        shutdown(gone[i], SHUT_WR);
    }
    for (int i = 0; i < THREADS; i++)
        fds[i] = client_begin_at_last(SIMPLE);
    atomic_store(&fixture.hold, false);
    for (int i = 0; i < PLACES; i++) {
        assert_int_equal(client_do(fds[i], SIMPLE, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
        close(fds[i]);
    }
    for (int i = 0; i < THREADS; i++)
        close(gone[i]);
}

static uint64_t size_for(int fd)
{
    uint8_t data[8192], go[256];
    uint32_t length;

    client_option(fd, NBD_OPT_INFO, go, go_data(go, "disk"));
    assert_int_equal(client_answer(fd, NBD_OPT_INFO, data, &length), NBD_REP_INFO);
    assert_int_equal(be16_get(data), NBD_INFO_EXPORT);
    return be64_get(data + 2);
}

static void clients_that_come_after_a_resize_learn_of_it(void **state)
{
    int before, after;

    (void)state;
    begin_with(ALL, BLOCKS / 2, NULL);
    before = client_begin(STRUCTURED);
    assert_int_equal(
        client_do(before, STRUCTURED, NBD_CMD_WRITE, 0, SIZE / 2, BLOCK), NBD_ENOSPC);
    assert_int_equal(spd_unit_resize(fixture.unit, BLOCKS), 0);
    assert_int_equal(client_do(before, STRUCTURED, NBD_CMD_WRITE, 0, SIZE / 2, BLOCK), NBD_OK);
    after = client_greeted();
    assert_true(size_for(after) == SIZE);
    close(before);
    close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clients_learn_what_the_unit_is),
        TEST(a_list_has_the_name_and_the_description),
        TEST(a_wrong_option_is_refused_and_another_one_taken),
        TEST(old_clients_choose_an_export_without_an_answer),
        TEST(a_client_that_breaks_the_protocol_goes),
        TEST(a_client_that_only_negotiates_loses_its_place),
        TEST(a_place_is_free_when_its_client_goes),
        TEST(a_place_is_free_although_the_device_hangs),
        TEST(clients_that_come_after_a_resize_learn_of_it),
    };

    return cmocka_run_group_tests_name("negotiation", tests, NULL, NULL);
}
