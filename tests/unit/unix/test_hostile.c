/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Clients that break the rules, or go at the worst time. */

#include "fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/unix/door.h"

static void range_past_the_end_is_refused(void **state)
{
    uint8_t data[2 * BLOCK] = { 0 };

    (void)state;
    begin(ALL);
    assert_check(client_do(client, TRANSACT_READ, BLOCKS - 1, 2, data), 0x05, 0x21, 0x00);
    assert_check(client_do(client, TRANSACT_READ, UINT64_MAX, 2, data), 0x05, 0x21, 0x00);
    assert_check(client_do(client, TRANSACT_WRITE, BLOCKS, 1, data), 0x05, 0x21, 0x00);
    assert_check(client_do(client, TRANSACT_FLUSH, BLOCKS, 1, data), 0x05, 0x21, 0x00);
    assert_check(client_do(client, TRANSACT_UNMAP, BLOCKS - 1, 2, data), 0x05, 0x21, 0x00);
    assert_good(client_do(client, TRANSACT_READ, BLOCKS - 1, 1, data));
}

static void write_protected_unit_takes_no_writes(void **state)
{
    uint8_t data[BLOCK] = { 0 };

    (void)state;
    begin(ALL | SPD_WRITE_PROTECTED);
    assert_check(client_do(client, TRANSACT_WRITE, 0, 1, data), 0x07, 0x27, 0x00);
    assert_check(client_do(client, TRANSACT_UNMAP, 0, 1, data), 0x07, 0x27, 0x00);
    assert_int_equal(fixture.memory[0], 1);
}

static void unmap_that_the_unit_lacks_is_refused(void **state)
{
    (void)state;
    begin(SPD_CACHE);
    assert_check(client_do(client, TRANSACT_UNMAP, 0, 1, NULL), 0x05, 0x20, 0x00);
}

static void unknown_kind_is_refused(void **state)
{
    (void)state;
    begin(ALL);
    assert_check(client_do(client, 0, 0, 1, NULL), 0x05, 0x20, 0x00);
    assert_check(client_do(client, 5, 0, 1, NULL), 0x05, 0x20, 0x00);
    assert_check(client_do(client, 255, 0, 1, NULL), 0x05, 0x20, 0x00);
}

static void read_longer_than_a_transfer_is_refused(void **state)
{
    (void)state;
    begin(ALL);
    assert_check(client_do(client, TRANSACT_READ, 0, TRANSFER / BLOCK + 1, NULL), 0x05, 0x24, 0x00);
    assert_check(client_do(client, TRANSACT_READ, 0, UINT32_MAX, NULL), 0x05, 0x24, 0x00);
}

static void hint_that_is_in_use_is_refused(void **state)
{
    struct transact_request slow = {
        .hint = 9, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
    };
    uint8_t data[BLOCK];

    (void)state;
    begin(ALL);
    client_send(client, &slow, NULL);
    fixture_await_gate(1);
    client_send(client, &slow, NULL);
    assert_check(client_receive(client, &slow, data).status, 0x0b, 0x4e, 0x00);
    fixture_open_gate();
    assert_good(client_receive(client, &slow, data).status);
    client_send(client, &slow, NULL); /* answered, so it is free again */
    assert_good(client_receive(client, &slow, data).status);
}

/* Each of these costs its sender the connection; our client must not notice. */
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

    (void)state;
    begin(ALL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t wire[TRANSACT_HEADER_LENGTH];
        int other = client_greeted(NULL);

        transact_encode_request(&bad[i], wire);
        client_send_bytes(other, wire, sizeof wire);
        assert_closed(other);
        assert_good(client_do(client, TRANSACT_READ, 0, 1, data));
    }
}

static void send_reads_to_the_gate(void)
{
    for (uint64_t i = 1; i <= 8; i++) {
        struct transact_request r = {
            .hint = i, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
        };

        client_send(client, &r, NULL);
    }
    fixture_await_gate(2);
}

static void client_may_go_while_its_commands_run(void **state)
{
    uint8_t data[BLOCK];

    (void)state;
    begin(ALL);
    send_reads_to_the_gate();
    close(client);
    fixture_open_gate();
    client = client_greeted(NULL);
    assert_good(client_do(client, TRANSACT_READ, 1, 1, data));
}

static void shutdown_with_commands_in_flight_ends(void **state)
{
    (void)state;
    begin(ALL);
    send_reads_to_the_gate();
    spd_unit_shutdown(fixture.unit);
    fixture_open_gate();
    assert_int_equal(spd_unit_wait(fixture.unit), 0);
}

/* Asks as fast as it can, eight at a time, until the door closes. */
static void *ask_until_closed(void *argument)
{
    int fd = client_greeted(NULL);
    uint8_t bytes[8 * (TRANSACT_HEADER_LENGTH + BLOCK)];

    (void)argument;
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
            pthread_mutex_lock(&fixture.lock);
            fixture.waiting++;
            pthread_cond_broadcast(&fixture.changed);
            pthread_mutex_unlock(&fixture.lock);
        }
    }
    close(fd);
    return NULL;
}

static void shutdown_under_load_ends(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int k = 0; k < 2; k++) {
        fixture_start(ALL | kinds[k]);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask_until_closed, NULL), 0);
        fixture_await_gate(4); /* all of them are at it */
        spd_unit_shutdown(fixture.unit);
        assert_int_equal(spd_unit_wait(fixture.unit), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        end();
    }
}

static void client_in_the_middle_of_a_message_is_let_go(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .blocks = 4 };
    uint8_t wire[TRANSACT_HEADER_LENGTH];

    (void)state;
    begin(ALL);
    transact_encode_request(&request, wire);
    client_send_bytes(client, wire, sizeof wire);
    client_send_bytes(client, fixture.memory, BLOCK);
    shutdown(client, SHUT_WR);
    assert_closed(client);
    assert_int_equal(fixture.memory[0], 1);
}

/* It asks and never reads: its answers fill the socket, then its commands, and there it stops. */
static void client_that_does_not_read_is_bounded(void **state)
{
    uint8_t data[BLOCK], wire[TRANSACT_HEADER_LENGTH];
    int deaf;
    ssize_t n;

    (void)state;
    begin(ALL | SPD_NEVER_BLOCKS);
    deaf = client_greeted(NULL);
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
            assert_good(client_do(client, TRANSACT_READ, 0, 1, data));
    }
    assert_good(client_do(client, TRANSACT_READ, 0, 1, data));
    close(deaf);
}

static void one_client_too_many_is_refused(void **state)
{
    int fd[UNIX_CLIENTS_MAX];
    uint8_t data[BLOCK];

    (void)state;
    fixture_start(ALL);
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        fd[i] = client_greeted(NULL);
        assert_good(client_do(fd[i], TRANSACT_READ, 0, 1, data));
    }
    assert_closed(client_connect(fixture.path));
    for (int i = 0; i < UNIX_CLIENTS_MAX; i++) {
        assert_good(client_do(fd[i], TRANSACT_READ, 0, 1, data));
        close(fd[i]);
    }
}

static void clients_that_say_nothing_make_room(void **state)
{
    int fd[UNIX_CLIENTS_MAX + 1];
    uint8_t data[BLOCK];

    (void)state;
    fixture_start(ALL);
    fd[0] = client_greeted(NULL);
    assert_good(client_do(fd[0], TRANSACT_READ, 0, 1, data));
    for (int i = 1; i <= UNIX_CLIENTS_MAX; i++)
        fd[i] = client_greeted(NULL);
    assert_closed(fd[1]);
    for (int i = 0; i <= UNIX_CLIENTS_MAX; i++) {
        if (i == 1)
            continue;
        assert_good(client_do(fd[i], TRANSACT_READ, 0, 1, data));
        close(fd[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(range_past_the_end_is_refused),
        TEST(write_protected_unit_takes_no_writes),
        TEST(unmap_that_the_unit_lacks_is_refused),
        TEST(unknown_kind_is_refused),
        TEST(read_longer_than_a_transfer_is_refused),
        TEST(hint_that_is_in_use_is_refused),
        TEST(stream_that_nobody_can_follow_is_closed),
        TEST(client_may_go_while_its_commands_run),
        TEST(shutdown_with_commands_in_flight_ends),
        TEST(shutdown_under_load_ends),
        TEST(client_in_the_middle_of_a_message_is_let_go),
        TEST(client_that_does_not_read_is_bounded),
        TEST(one_client_too_many_is_refused),
        TEST(clients_that_say_nothing_make_room),
    };

    return cmocka_run_group_tests_name("unix-hostile", tests, NULL, NULL);
}
