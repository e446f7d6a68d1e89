/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scsi/be.h"

const uint32_t kinds[2] = { SPD_NEVER_BLOCKS, 0 };

struct fixture fixture;

/* Clients may write and read the same blocks at once, on several threads. */
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

static void copy(void *to, const void *from, size_t length)
{
    pthread_mutex_lock(&memory_lock);
    memcpy(to, from, length);
    pthread_mutex_unlock(&memory_lock);
}

static int device_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags;
    if (lba <= ERROR_LBA && ERROR_LBA < lba + blocks) {
        spd_status_set(status, 0x03, 0x11, 0x00, &lba);
        return 0;
    }
    copy(buffer, fixture.memory + lba * BLOCK, (size_t)blocks * BLOCK);
    return 0;
}

static int device_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)status;
    atomic_fetch_add(&fixture.waiting, 1);
    while (atomic_load(&fixture.hold))
        sched_yield();
    copy(fixture.memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    fixture.write_flags = flags;
    fixture.writes++;
    return 0;
}

static int device_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status, (void)lba, (void)blocks;
    fixture.writes_at_flush = fixture.writes;
    fixture.flushes++;
    return 0;
}

static int device_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t end = ranges[i].lba + ranges[i].blocks;

        for (uint64_t at = ranges[i].lba; at < BLOCKS && at < end; at++)
            memset(fixture.memory + at * BLOCK, 0, BLOCK);
        fixture.unmapped += ranges[i].blocks;
    }
    return 0;
}

/* Every fourth block has no space. */
static int device_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    for (uint64_t at = lba; at < lba + blocks; at++)
        spd_extents_add(extents, 1, at % 4 == 3 ? SPD_DEALLOCATED : SPD_MAPPED);
    return 0;
}

void begin(uint32_t flags)
{
    begin_with(flags, BLOCKS, NULL);
}

void begin_with(uint32_t flags, uint64_t blocks, const char *other_door)
{
    static const spd_ops ops = {
        .size = sizeof ops,
        .read = device_read,
        .write = device_write,
        .flush = device_flush,
        .unmap = device_unmap,
        .extents = device_extents,
    };
    spd_params params = SPD_PARAMS_INIT;
    char uri[160];

    memset(&fixture, 0, sizeof fixture);
    for (size_t i = 0; i < SIZE; i++)
        fixture.memory[i] = (uint8_t)(i / BLOCK + 1);
    assert_non_null(mkdtemp(work_template(fixture.folder, "spd-nbd")));
    assert_true(work_shorten(fixture.name, fixture.folder) >= 0);
    snprintf(fixture.path, sizeof fixture.path, "%s/socket", fixture.name);
    snprintf(uri, sizeof uri, "nbd+unix:///disk?socket=%s", fixture.path);
    params.block_count = blocks;
    params.max_transfer_length = 65536;
    params.flags = flags;
    assert_int_equal(
        spd_unit_create(uri, &params, &(spd_device){ &ops, NULL }, &fixture.unit), 0);
    if (other_door)
        assert_int_equal(spd_unit_add_door(fixture.unit, other_door), 0);
    assert_int_equal(spd_unit_start(fixture.unit, THREADS), 0);
}

int fixture_teardown(void **state)
{
    (void)state;
    if (fixture.unit)
        spd_unit_delete(fixture.unit);
    fixture.unit = NULL;
    rmdir(fixture.folder);
    return 0;
}

int client_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

void client_connect_to(int fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture.path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
}

int client_connect(void)
{
    int fd = client_socket();

    client_connect_to(fd);
    return fd;
}

/* False: the door has closed it. */
static bool greet(int fd)
{
    static const uint8_t flags[4] = { 0, 0, 0, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES };
    uint8_t greeting[NBD_GREETING_LENGTH];

    if (!client_receive(fd, greeting, sizeof greeting))
        return false;
    assert_memory_equal(greeting, "NBDMAGICIHAVEOPT\0\3", sizeof greeting);
    client_send(fd, flags, sizeof flags);
    return true;
}

int client_greeted(void)
{
    int fd = client_connect();

    assert_true(greet(fd));
    return fd;
}

static int begin_greeted(int fd, enum manner manner)
{
    uint8_t data[256];

    if (manner != SIMPLE) {
        uint32_t option =
            manner == EXTENDED ? NBD_OPT_EXTENDED_HEADERS : NBD_OPT_STRUCTURED_REPLY;
        static const uint8_t contexts[] = "\0\0\0\4disk\0\0\0\1\0\0\0\17base:allocation";

        client_option(fd, option, NULL, 0);
        assert_int_equal(client_last_answer(fd, option), NBD_REP_ACK);
        client_option(fd, NBD_OPT_SET_META_CONTEXT, contexts, sizeof contexts - 1);
        assert_int_equal(client_last_answer(fd, NBD_OPT_SET_META_CONTEXT), NBD_REP_ACK);
    }
    client_option(fd, NBD_OPT_GO, data, go_data(data, "disk"));
    assert_int_equal(client_last_answer(fd, NBD_OPT_GO), NBD_REP_ACK);
    return fd;
}

int client_begin(enum manner manner)
{
    return begin_greeted(client_greeted(), manner);
}

int client_begin_at_last(enum manner manner)
{
    int fd = client_connect();

    while (!greet(fd)) {
        close(fd);
        sched_yield();
        fd = client_connect();
    }
    return begin_greeted(fd, manner);
}

void client_send(int fd, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, (const uint8_t *)bytes + done, length - done, MSG_NOSIGNAL);

        assert_true(n > 0);
        done += (size_t)n;
    }
}

bool client_receive(int fd, void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(fd, (uint8_t *)bytes + done, length - done, 0);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

void assert_closed(int fd)
{
    uint8_t byte;

    assert_false(client_receive(fd, &byte, 1));
    close(fd);
}

void client_option(int fd, uint32_t option, const void *data, size_t length)
{
    uint8_t header[NBD_OPTION_HEADER];

    be64_put(header, NBD_OPTION_MAGIC);
    be32_put(header + 8, option);
    be32_put(header + 12, (uint32_t)length);
    client_send(fd, header, sizeof header);
    client_send(fd, data, length);
}

uint32_t client_answer(int fd, uint32_t option, uint8_t data[8192], uint32_t *length)
{
    uint8_t header[NBD_OPTION_REPLY_HEADER];

    assert_true(client_receive(fd, header, sizeof header));
    assert_true(be64_get(header) == NBD_OPTION_REPLY_MAGIC);
    assert_int_equal(be32_get(header + 8), option);
    *length = be32_get(header + 16);
    assert_true(*length <= 8192);
    assert_true(client_receive(fd, data, *length));
    return be32_get(header + 12);
}

uint32_t client_last_answer(int fd, uint32_t option)
{
    uint8_t data[8192];
    uint32_t type, length;

    do
        type = client_answer(fd, option, data, &length);
    while (type != NBD_REP_ACK && type < NBD_REP_ERROR(0));
    return type;
}

size_t go_data(uint8_t data[256], const char *name)
{
    size_t length = strlen(name);

    be32_put(data, (uint32_t)length);
    memcpy(data + 4, name, length);
    be16_put(data + 4 + length, 0);
    return length + 6;
}

void client_ask(int fd, enum manner manner, const struct ask *ask, const uint8_t *data)
{
    uint8_t header[NBD_EXTENDED_REQUEST_LENGTH];
    bool extended = manner == EXTENDED;

    be32_put(header, extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
    be16_put(header + 4, ask->flags);
    be16_put(header + 6, ask->type);
    be64_put(header + 8, ask->cookie);
    be64_put(header + 16, ask->offset);
    if (extended)
        be64_put(header + 24, ask->length);
    else
        be32_put(header + 24, (uint32_t)ask->length);
    client_send(fd, header, extended ? sizeof header : NBD_REQUEST_LENGTH);
    if (ask->type == NBD_CMD_WRITE)
        client_send(fd, data, ask->length);
}

static void receive_simple(int fd, uint32_t read_length, struct reply *reply)
{
    uint8_t header[NBD_SIMPLE_REPLY_LENGTH];

    assert_true(client_receive(fd, header, sizeof header));
    assert_int_equal(be32_get(header), NBD_SIMPLE_REPLY_MAGIC);
    reply->error = be32_get(header + 4);
    reply->cookie = be64_get(header + 8);
    reply->length = reply->error ? 0 : read_length;
    assert_true(client_receive(fd, reply->data, reply->length));
}

void client_reply(int fd, enum manner manner, uint32_t read_length, struct reply *reply)
{
    uint8_t header[NBD_EXTENDED_CHUNK_HEADER];
    bool extended = manner == EXTENDED;

    if (manner == SIMPLE) {
        receive_simple(fd, read_length, reply);
        return;
    }
    assert_true(client_receive(fd, header, extended ? sizeof header : NBD_CHUNK_HEADER));
    assert_int_equal(
        be32_get(header), extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC);
    assert_int_equal(be16_get(header + 4), NBD_REPLY_FLAG_DONE);
    reply->type = be16_get(header + 6);
    reply->cookie = be64_get(header + 8);
    reply->length = extended ? (uint32_t)be64_get(header + 24) : be32_get(header + 16);
    reply->error = 0;
    if (reply->type == NBD_REPLY_OFFSET_DATA) {
        uint8_t offset[8];

        assert_true(client_receive(fd, offset, sizeof offset));
        reply->offset = be64_get(offset);
        reply->length -= 8;
    }
    assert_true(reply->length <= sizeof reply->data);
    assert_true(client_receive(fd, reply->data, reply->length));
    if (reply->type == NBD_REPLY_ERROR)
        reply->error = be32_get(reply->data);
}

uint32_t client_do(int fd, enum manner manner, uint16_t type, uint16_t flags, uint64_t offset,
    uint64_t length)
{
    static uint8_t data[65536];
    static struct reply reply;
    struct ask ask = { type, flags, 0x0102030405060708, offset, length };

    memset(data, 0xab, sizeof data);
    if (type == NBD_CMD_WRITE && manner == EXTENDED)
        ask.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
    client_ask(fd, manner, &ask, data);
    client_reply(fd, manner, type == NBD_CMD_READ ? (uint32_t)length : 0, &reply);
    assert_true(reply.cookie == ask.cookie);
    return reply.error;
}
