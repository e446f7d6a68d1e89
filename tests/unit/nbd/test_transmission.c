/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests: what each does in all manners of speaking, and what becomes of wrong ones. */

#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/unit.h"
#include "scsi/be.h"

static struct reply reply;

static bool memory_is(uint64_t offset, size_t length, uint8_t value)
{
    for (size_t i = 0; i < length; i++) {
        if (fixture.memory[offset + i] != value)
            return false;
    }
    return true;
}

static void commands_do_what_they_say(enum manner manner)
{
    const struct ask read = { NBD_CMD_READ, 0, 5, 7 * BLOCK, 2 * BLOCK };
    int fd = client_begin(manner);

    client_ask(fd, manner, &read, NULL);
    client_reply(fd, manner, 2 * BLOCK, &reply);
    assert_int_equal(reply.error, NBD_OK);
    assert_int_equal(reply.length, 2 * BLOCK);
    assert_memory_equal(reply.data, fixture.memory + 7 * BLOCK, 2 * BLOCK);
    assert_true(manner == SIMPLE || reply.offset == 7 * BLOCK);
    assert_int_equal(client_do(fd, manner, NBD_CMD_WRITE, 0, 512, 4096), NBD_OK);
    assert_true(memory_is(512, 4096, 0xab));
    assert_true(memory_is(512 + 4096, 1, 10));
    assert_int_equal(client_do(fd, manner, NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE, 512, 1024),
        NBD_OK);
    assert_true(memory_is(512, 1024, 0));
    assert_true(memory_is(1536, 512, 0xab));
    assert_int_equal(client_do(fd, manner, NBD_CMD_TRIM, 0, 2048, 512), NBD_OK);
    assert_true(memory_is(2048, 512, 0));
    assert_int_equal(client_do(fd, manner, NBD_CMD_CACHE, 0, 0, 8192), NBD_OK);
    assert_int_equal(client_do(fd, manner, NBD_CMD_FLUSH, 0, 0, 0), NBD_OK);
    assert_int_equal(fixture.flushes, 1);
    close(fd);
}

static void commands_do_what_they_say_in_all_manners(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int manner = SIMPLE; manner <= EXTENDED; manner++) {
            begin(ALL | kinds[kind]);
            commands_do_what_they_say(manner);
            fixture_teardown(NULL);
        }
    }
}

/* Block 3 of each four has no space. */
static void a_block_status_tells_the_holes(void **state)
{
    const struct ask all = { NBD_CMD_BLOCK_STATUS, 0, 1, BLOCK, 4 * BLOCK };
    const struct ask one = { NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 2, BLOCK, 4 * BLOCK };
    static const uint8_t extended[] = "\0\0\0\1\0\0\0\3"
        "\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\3"
        "\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0";
    int fd;

    (void)state;
    begin(ALL);
    fd = client_begin(STRUCTURED);
    client_ask(fd, STRUCTURED, &all, NULL);
    client_reply(fd, STRUCTURED, 0, &reply);
    assert_int_equal(reply.type, NBD_REPLY_BLOCK_STATUS);
    assert_int_equal(reply.length, 28);
    assert_memory_equal(
        reply.data, "\0\0\0\1\0\0\4\0\0\0\0\0\0\0\2\0\0\0\0\3\0\0\2\0\0\0\0", 28);
    client_ask(fd, STRUCTURED, &one, NULL);
    client_reply(fd, STRUCTURED, 0, &reply);
    assert_int_equal(reply.length, 12);
    close(fd);
    fd = client_begin(EXTENDED);
    client_ask(fd, EXTENDED, &all, NULL);
    client_reply(fd, EXTENDED, 0, &reply);
    assert_int_equal(reply.type, NBD_REPLY_BLOCK_STATUS_EXT);
    assert_int_equal(reply.length, sizeof extended);
    assert_memory_equal(reply.data, extended, sizeof extended);
    close(fd);
    fd = client_begin(SIMPLE); /* it has not chosen a context */
    assert_int_equal(client_do(fd, SIMPLE, NBD_CMD_BLOCK_STATUS, 0, 0, BLOCK), NBD_EINVAL);
    close(fd);
}

static void wrong_requests_are_refused_and_others_go_on(void **state)
{
    static const struct {
        uint16_t type, flags;
        uint64_t offset, length;
        uint32_t error;
    } wrong[] = {
        { NBD_CMD_READ, 0, SIZE, BLOCK, NBD_EINVAL },
        { NBD_CMD_READ, 0, UINT64_MAX - BLOCK + 1, BLOCK, NBD_EINVAL },
        { NBD_CMD_WRITE, 0, SIZE - BLOCK, 2 * BLOCK, NBD_ENOSPC },
        { NBD_CMD_WRITE_ZEROES, 0, SIZE, BLOCK, NBD_ENOSPC },
        { NBD_CMD_TRIM, 0, SIZE, BLOCK, NBD_ENOSPC },
        { NBD_CMD_BLOCK_STATUS, 0, SIZE, BLOCK, NBD_EINVAL },
        { NBD_CMD_READ, 0, 1, BLOCK, NBD_EINVAL },
        { NBD_CMD_WRITE, 0, 0, BLOCK + 1, NBD_EINVAL },
        { NBD_CMD_READ, 0, 0, 0, NBD_EINVAL },
        { NBD_CMD_READ, 0, 0, (16 << 20) + BLOCK, NBD_EINVAL },
        { NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, (16 << 20) + BLOCK, NBD_EOVERFLOW },
        { NBD_CMD_READ, NBD_CMD_FLAG_FAST_ZERO, 0, BLOCK, NBD_EINVAL },
        { NBD_CMD_FLUSH, 0, 0, BLOCK, NBD_EINVAL },
        { NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_FAST_ZERO | NBD_CMD_FLAG_NO_HOLE, 0, BLOCK,
            NBD_ENOTSUP },
        { 4711, 0, 0, BLOCK, NBD_EINVAL },
        { NBD_CMD_READ, 0, ERROR_LBA * BLOCK, BLOCK, NBD_EIO },
    };

    (void)state;
    for (int manner = STRUCTURED; manner <= EXTENDED; manner++) {
        int fd;

        begin(ALL);
        fd = client_begin(manner);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            assert_int_equal(client_do(fd, manner, wrong[i].type, wrong[i].flags, wrong[i].offset,
                                 wrong[i].length), wrong[i].error);
            assert_int_equal(client_do(fd, manner, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
        }
        assert_int_equal(fixture.writes, 0);
        close(fd);
        fixture_teardown(NULL);
    }
}

static void a_protected_unit_refuses_changes(void **state)
{
    int fd;

    (void)state;
    begin(ALL | SPD_WRITE_PROTECTED);
    fd = client_begin(SIMPLE);
    assert_int_equal(client_do(fd, SIMPLE, NBD_CMD_WRITE, 0, 0, BLOCK), NBD_EPERM);
    assert_int_equal(client_do(fd, SIMPLE, NBD_CMD_TRIM, 0, 0, BLOCK), NBD_EPERM);
    assert_int_equal(client_do(fd, SIMPLE, NBD_CMD_READ, 0, 0, BLOCK), NBD_OK);
    close(fd);
}

static void fua_makes_a_write_durable(void **state)
{
    int fd;

    (void)state;
    begin(ALL);
    fd = client_begin(STRUCTURED);
    assert_int_equal(client_do(fd, STRUCTURED, NBD_CMD_WRITE, 0, 0, BLOCK), NBD_OK);
    assert_false(fixture.write_flags & SPD_FUA);
    assert_int_equal(
        client_do(fd, STRUCTURED, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 0, BLOCK), NBD_OK);
    assert_true(fixture.write_flags & SPD_FUA);
    close(fd);
}

/* The promise of NBD_FLAG_CAN_MULTI_CONN. */
static void a_flush_covers_what_other_connections_wrote(void **state)
{
    int writer, other;

    (void)state;
    begin(ALL);
    writer = client_begin(STRUCTURED);
    other = client_begin(SIMPLE);
    assert_int_equal(client_do(writer, STRUCTURED, NBD_CMD_WRITE, 0, 0, BLOCK), NBD_OK);
    assert_int_equal(client_do(other, SIMPLE, NBD_CMD_FLUSH, 0, 0, 0), NBD_OK);
    assert_int_equal(fixture.writes_at_flush, 1);
    close(writer);
    close(other);
}

enum { MANY = 200 };

struct sender {
    pthread_t thread;
    int fd;
};

static void *send_many(void *context)
{
    static const uint8_t data[16 * BLOCK];
    const struct sender *sender = context;

    for (uint64_t i = 0; i < MANY; i++) {
        struct ask ask = { i % 3 ? NBD_CMD_READ : NBD_CMD_WRITE, 0, i, 16 * BLOCK * (i % 8),
            i % 3 ? 8 * BLOCK : 16 * BLOCK };

        if (i % 7 == 1)
            ask.offset = ERROR_LBA / 8 * 8 * BLOCK;
        client_ask(sender->fd, STRUCTURED, &ask, data);
    }
    return NULL;
}

/* More requests at once than a client has commands and the sockets have room for: so the client
 * sends from a thread of its own. Some fail in the middle. */
static void many_requests_at_once_each_get_their_answer(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        bool answered[MANY] = { false };
        struct sender sender;

        begin(ALL | kinds[kind]);
        sender.fd = client_begin(STRUCTURED);
        assert_int_equal(pthread_create(&sender.thread, NULL, send_many, &sender), 0);
        for (int i = 0; i < MANY; i++) {
            client_reply(sender.fd, STRUCTURED, 0, &reply);
            assert_true(reply.cookie < MANY && !answered[reply.cookie]);
            answered[reply.cookie] = true;
            assert_int_equal(reply.error,
                reply.cookie % 7 == 1 && reply.cookie % 3 ? NBD_EIO : NBD_OK);
        }
        pthread_join(sender.thread, NULL);
        close(sender.fd);
        fixture_teardown(NULL);
    }
}

/* The first one has all the memory of the client, and the others wait for it. The unit refuses
 * those: it is smaller. */
static void requests_wait_for_memory(void **state)
{
    static const struct ask asks[] = {
        { NBD_CMD_READ, 0, 0, 0, 16 << 20 },
        { NBD_CMD_READ, 0, 1, 0, 8 << 20 },
        { NBD_CMD_READ, 0, 2, 0, BLOCK },
    };

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        int fd;

        begin(ALL | kinds[kind]);
        fd = client_begin(STRUCTURED);
        for (uint64_t i = 0; i < 3; i++)
            client_ask(fd, STRUCTURED, &asks[i], NULL);
        for (uint64_t i = 0; i < 3; i++) {
            client_reply(fd, STRUCTURED, 0, &reply);
            assert_true(reply.cookie == i);
            assert_int_equal(reply.error, i < 2 ? NBD_EINVAL : NBD_OK);
        }
        close(fd);
        fixture_teardown(NULL);
    }
}

/* More than there are threads, so that some still wait in the library. */
enum { WRITES = 32 };

/* The protocol: the server handles all outstanding requests. */
static void a_client_that_parts_gets_its_writes_done(void **state)
{
    static const uint8_t data[BLOCK] = { 0x77 };
    const struct ask part = { NBD_CMD_DISC, 0, 0, 0, 0 };
    int fd;

    (void)state;
    begin(ALL);
    atomic_store(&fixture.hold, true);
    fd = client_begin(STRUCTURED);
    for (uint64_t i = 0; i < WRITES; i++) {
        struct ask write = { NBD_CMD_WRITE, 0, i, i * BLOCK, BLOCK };

        client_ask(fd, STRUCTURED, &write, data);
    }
    client_ask(fd, STRUCTURED, &part, NULL);
    close(fd);
    while (!atomic_load(&fixture.waiting))
        sched_yield();
    fd = client_begin(STRUCTURED); /* the door has seen the end of the first one */
    atomic_store(&fixture.hold, false);
    while (atomic_load(&fixture.writes) < WRITES)
        sched_yield();
    for (unsigned i = 0; i < WRITES; i++)
        assert_int_equal(fixture.memory[i * BLOCK], 0x77);
    close(fd);
}

/* It is served when there is one. The client is this process, too, so its socket comes first. */
static void a_client_that_finds_no_descriptor_waits(void **state)
{
    struct rlimit limit, low;
    uint8_t greeting[NBD_GREETING_LENGTH];
    int first, second, next;

    (void)state;
    begin(ALL);
    first = client_begin(SIMPLE);
    second = client_socket();
    next = dup(first);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){ (rlim_t)next, limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    client_connect_to(second);
    for (int i = 0; i < 10; i++)
        assert_int_equal(client_do(first, SIMPLE, NBD_CMD_FLUSH, 0, 0, 0), NBD_OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(client_receive(second, greeting, sizeof greeting));
    close(first);
    close(second);
}

/* More than three times 2^31 blocks, of which each step of the unit has one. */
static void zeroes_and_trims_may_be_longer_than_32_bits(void **state)
{
    static const uint64_t blocks = 3 * (UINT64_C(1) << 31) + 8;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        int fd;

        begin_with(ALL | kinds[kind], blocks, NULL);
        fd = client_begin(EXTENDED);
        assert_int_equal(
            client_do(fd, EXTENDED, NBD_CMD_WRITE_ZEROES, 0, BLOCK, blocks * BLOCK), NBD_ENOSPC);
        assert_int_equal(fixture.unmapped, 0);
        assert_int_equal(fixture.memory[BLOCK], 2);
        assert_int_equal(
            client_do(fd, EXTENDED, NBD_CMD_WRITE_ZEROES, 0, 0, blocks * BLOCK), NBD_OK);
        assert_true(fixture.unmapped == blocks);
        assert_true(memory_is(0, SIZE, 0));
        assert_int_equal(client_do(fd, EXTENDED, NBD_CMD_TRIM, 0, BLOCK, (blocks - 1) * BLOCK),
            NBD_OK);
        assert_true(fixture.unmapped == 2 * blocks - 1);
        close(fd);
        fixture_teardown(NULL);
    }
}

/* LOGICAL UNIT RESET by another door, while the device has some writes and others wait. */
static void a_reset_by_another_door_aborts_requests(void **state)
{
    static const uint8_t data[BLOCK];
    struct spd_door *other;
    uint32_t round;
    int fd;

    (void)state;
    begin_with(ALL, BLOCKS, "nbd://127.0.0.1:0/disk");
    other = fixture.unit->doors[1];
    atomic_store(&fixture.hold, true);
    fd = client_begin(STRUCTURED);
    for (uint64_t i = 0; i < WRITES; i++) {
        struct ask write = { NBD_CMD_WRITE, 0, i, i * BLOCK, BLOCK };

        client_ask(fd, STRUCTURED, &write, data);
    }
    while (atomic_load(&fixture.waiting) < THREADS)
        sched_yield();
    round = spd_round_begin(other);
    client_reply(fd, STRUCTURED, 0, &reply); /* of one that waited */
    assert_int_equal(reply.error, NBD_EIO);
    assert_false(spd_round_ended(other, round));
    atomic_store(&fixture.hold, false);
    for (int i = 1; i < WRITES; i++) {
        client_reply(fd, STRUCTURED, 0, &reply);
        assert_int_equal(reply.error, NBD_EIO);
    }
    while (!spd_round_ended(other, round))
        sched_yield();
    assert_int_equal(fixture.writes, THREADS);
    assert_int_equal(client_do(fd, STRUCTURED, NBD_CMD_WRITE, 0, 0, BLOCK), NBD_OK);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_do_what_they_say_in_all_manners),
        TEST(a_block_status_tells_the_holes),
        TEST(wrong_requests_are_refused_and_others_go_on),
        TEST(a_protected_unit_refuses_changes),
        TEST(fua_makes_a_write_durable),
        TEST(a_flush_covers_what_other_connections_wrote),
        TEST(requests_wait_for_memory),
        TEST(a_client_that_parts_gets_its_writes_done),
        TEST(a_client_that_finds_no_descriptor_waits),
        TEST(zeroes_and_trims_may_be_longer_than_32_bits),
        TEST(a_reset_by_another_door_aborts_requests),
        TEST(many_requests_at_once_each_get_their_answer),
    };

    return cmocka_run_group_tests_name("transmission", tests, NULL, NULL);
}
