/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Clients that break the rules, or go at the worst time. */

#include "fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/unix/door.h"

enum { ALL = SPD_CACHE | SPD_UNMAP_SUPPORTED };

static void range_past_the_end_is_refused(void **state)
{
    uint8_t data[2 * BLOCK] = { 0 };
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_check(client_do(fd, TRANSACT_READ, BLOCKS - 1, 2, data), 0x05, 0x21, 0x00);
    assert_check(client_do(fd, TRANSACT_READ, UINT64_MAX, 2, data), 0x05, 0x21, 0x00);
    assert_check(client_do(fd, TRANSACT_WRITE, BLOCKS, 1, data), 0x05, 0x21, 0x00);
    assert_check(client_do(fd, TRANSACT_FLUSH, BLOCKS, 1, data), 0x05, 0x21, 0x00);
    assert_check(client_do(fd, TRANSACT_UNMAP, BLOCKS - 1, 2, data), 0x05, 0x21, 0x00);
    assert_good(client_do(fd, TRANSACT_READ, BLOCKS - 1, 1, data));
    close(fd);
    fixture_close(&f);
}

static void write_protected_unit_takes_no_writes(void **state)
{
    uint8_t data[BLOCK] = { 0 };
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL | SPD_WRITE_PROTECTED);
    fd = client_greeted(&f, NULL);
    assert_check(client_do(fd, TRANSACT_WRITE, 0, 1, data), 0x07, 0x27, 0x00);
    assert_check(client_do(fd, TRANSACT_UNMAP, 0, 1, data), 0x07, 0x27, 0x00);
    assert_int_equal(f.memory[0], 1);
    close(fd);
    fixture_close(&f);
}

static void unmap_that_the_unit_lacks_is_refused(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, SPD_CACHE);
    fd = client_greeted(&f, NULL);
    assert_check(client_do(fd, TRANSACT_UNMAP, 0, 1, NULL), 0x05, 0x20, 0x00);
    close(fd);
    fixture_close(&f);
}

static void unknown_kind_is_refused(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_check(client_do(fd, 0, 0, 1, NULL), 0x05, 0x20, 0x00);
    assert_check(client_do(fd, 5, 0, 1, NULL), 0x05, 0x20, 0x00);
    assert_check(client_do(fd, 255, 0, 1, NULL), 0x05, 0x20, 0x00);
    close(fd);
    fixture_close(&f);
}

static void read_longer_than_a_transfer_is_refused(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_check(client_do(fd, TRANSACT_READ, 0, TRANSFER / BLOCK + 1, NULL), 0x05, 0x24, 0x00);
    assert_check(client_do(fd, TRANSACT_READ, 0, UINT32_MAX, NULL), 0x05, 0x24, 0x00);
    close(fd);
    fixture_close(&f);
}

static void hint_that_is_in_use_is_refused(void **state)
{
    struct transact_request slow = {
        .hint = 9, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
    };
    uint8_t data[BLOCK];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    client_send(fd, &slow, NULL);
    fixture_await_gate(&f, 1);
    client_send(fd, &slow, NULL);
    assert_check(client_receive(fd, &slow, data).status, 0x0b, 0x4e, 0x00);
    fixture_open_gate(&f);
    assert_good(client_receive(fd, &slow, data).status);
    client_send(fd, &slow, NULL); /* answered, so it is free again */
    assert_good(client_receive(fd, &slow, data).status);
    close(fd);
    fixture_close(&f);
}

/* Each of these costs its sender the connection; a second client must not notice. */
static void stream_that_nobody_can_follow_is_closed(void **state)
{
    static const struct transact_request bad[] = {
        { .hint = 0, .kind = TRANSACT_READ, .blocks = 1 },
        { .hint = 0, .kind = 77 },
        { .hint = 1, .kind = TRANSACT_WRITE, .blocks = TRANSFER / BLOCK + 1 },
        { .hint = 1, .kind = TRANSACT_WRITE, .blocks = UINT32_MAX },
        { .hint = 1, .kind = TRANSACT_UNMAP, .blocks = TRANSFER / 16 + 1 },
        { .hint = 1, .kind = TRANSACT_UNMAP, .blocks = UINT32_MAX },
    };
    uint8_t data[BLOCK];
    struct fixture f;
    int other;

    (void)state;
    fixture_start(&f, ALL);
    other = client_greeted(&f, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t wire[TRANSACT_HEADER_LENGTH];
        int fd = client_greeted(&f, NULL);

        transact_encode_request(&bad[i], wire);
        client_send_bytes(fd, wire, sizeof wire);
        assert_closed(fd);
        assert_good(client_do(other, TRANSACT_READ, 0, 1, data));
    }
    close(other);
    fixture_close(&f);
}

static void client_may_go_while_its_commands_run(void **state)
{
    struct fixture f;
    uint8_t data[BLOCK];
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    for (uint64_t i = 1; i <= 8; i++) {
        struct transact_request r = {
            .hint = i, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
        };

        client_send(fd, &r, NULL);
    }
    fixture_await_gate(&f, 2);
    close(fd);
    fixture_open_gate(&f);
    fd = client_greeted(&f, NULL);
    assert_good(client_do(fd, TRANSACT_READ, 1, 1, data));
    close(fd);
    fixture_close(&f);
}

static void shutdown_with_commands_in_flight_ends(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    for (uint64_t i = 1; i <= 8; i++) {
        struct transact_request r = {
            .hint = i, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
        };

        client_send(fd, &r, NULL);
    }
    fixture_await_gate(&f, 2);
    spd_unit_shutdown(f.unit);
    fixture_open_gate(&f);
    assert_int_equal(spd_unit_wait(f.unit), 0);
    close(fd);
    fixture_close(&f);
}

/* Asks as fast as it can, eight at a time, until the door closes. */
static void *ask_until_closed(void *argument)
{
    struct fixture *f = argument;
    int fd = client_greeted(f, NULL);
    uint8_t bytes[8 * (TRANSACT_HEADER_LENGTH + BLOCK)];

    for (uint64_t hint = 1; ; hint += 8) {
        for (uint64_t i = 0; i < 8; i++) {
            struct transact_request r = {
                .hint = hint + i, .kind = TRANSACT_READ, .lba = hint % 512 + i, .blocks = 1,
            };

            client_send(fd, &r, NULL);
        }
        if (!client_receive_bytes(fd, bytes, sizeof bytes))
            break;
        if (hint == 801) {
            pthread_mutex_lock(&f->lock);
            f->waiting++;
            pthread_cond_broadcast(&f->changed);
            pthread_mutex_unlock(&f->lock);
        }
    }
    close(fd);
    return NULL;
}

static void shutdown_under_load_ends(void **state)
{
    static const uint32_t kinds[] = { SPD_NEVER_BLOCKS, 0 };
    pthread_t threads[4];
    struct fixture f;

    (void)state;
    for (int k = 0; k < 2; k++) {
        fixture_start(&f, ALL | kinds[k]);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask_until_closed, &f), 0);
        fixture_await_gate(&f, 4); /* all of them are at it */
        spd_unit_shutdown(f.unit);
        assert_int_equal(spd_unit_wait(f.unit), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        fixture_close(&f);
    }
}

static void client_in_the_middle_of_a_message_is_let_go(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .blocks = 4 };
    uint8_t wire[TRANSACT_HEADER_LENGTH];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    transact_encode_request(&request, wire);
    client_send_bytes(fd, wire, sizeof wire);
    client_send_bytes(fd, f.memory, BLOCK);
    shutdown(fd, SHUT_WR);
    assert_closed(fd);
    assert_int_equal(f.memory[0], 1);
    fixture_close(&f);
}

/* It asks and never reads: its answers fill the socket, then its commands, and there it stops. */
static void client_that_does_not_read_is_bounded(void **state)
{
    uint8_t data[BLOCK], wire[TRANSACT_HEADER_LENGTH];
    struct fixture f;
    int deaf, other;
    ssize_t n;

    (void)state;
    fixture_start(&f, ALL | SPD_NEVER_BLOCKS);
    deaf = client_greeted(&f, NULL);
    other = client_greeted(&f, NULL);
    assert_int_equal(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
    for (uint64_t i = 1; ; i++) {
        struct transact_request r = {
            .hint = i, .kind = TRANSACT_READ, .blocks = TRANSFER / BLOCK,
        };

        transact_encode_request(&r, wire);
        n = send(deaf, wire, sizeof wire, MSG_NOSIGNAL);
        if (n != (ssize_t)sizeof wire)
            break;
        assert_true(i < 100000);
        if (i % 16 == 0)
            assert_good(client_do(other, TRANSACT_READ, 0, 1, data));
    }
    assert_good(client_do(other, TRANSACT_READ, 0, 1, data));
    close(deaf);
    close(other);
    fixture_close(&f);
}

static void one_client_too_many_is_refused(void **state)
{
    int fd[UNIX_CLIENTS_MAX];
    uint8_t data[BLOCK];
    struct fixture f;

    (void)state;
    fixture_start(&f, ALL);
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++)
        fd[i] = client_greeted(&f, NULL);
    assert_closed(client_connect(f.path));
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        assert_good(client_do(fd[i], TRANSACT_READ, 0, 1, data));
        close(fd[i]);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_past_the_end_is_refused),
        cmocka_unit_test(write_protected_unit_takes_no_writes),
        cmocka_unit_test(unmap_that_the_unit_lacks_is_refused),
        cmocka_unit_test(unknown_kind_is_refused),
        cmocka_unit_test(read_longer_than_a_transfer_is_refused),
        cmocka_unit_test(hint_that_is_in_use_is_refused),
        cmocka_unit_test(stream_that_nobody_can_follow_is_closed),
        cmocka_unit_test(client_may_go_while_its_commands_run),
        cmocka_unit_test(shutdown_with_commands_in_flight_ends),
        cmocka_unit_test(shutdown_under_load_ends),
        cmocka_unit_test(client_in_the_middle_of_a_message_is_let_go),
        cmocka_unit_test(client_that_does_not_read_is_bounded),
        cmocka_unit_test(one_client_too_many_is_refused),
    };

    return cmocka_run_group_tests_name("unix-hostile", tests, NULL, NULL);
}
