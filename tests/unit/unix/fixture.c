/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const uint32_t kinds[2] = { SPD_NEVER_BLOCKS, 0 };

struct fixture fixture;
int client = -1;

static int device_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags;
    if (lba == ERROR_LBA) {
        spd_status_set(status, 0x03, 0x11, 0x00, &lba);
        return 0;
    }
    if (lba == RECOVERED_LBA)
        spd_status_set(status, 0x01, 0x17, 0x01, &lba);
    pthread_mutex_lock(&fixture.lock);
    if (lba == GATE_LBA) {
        fixture.waiting++;
        pthread_cond_broadcast(&fixture.changed);
        while (!fixture.gate_open)
            pthread_cond_wait(&fixture.changed, &fixture.lock);
        fixture.waiting--;
    }
    memcpy(buffer, fixture.memory + lba * BLOCK, (size_t)blocks * BLOCK);
    pthread_mutex_unlock(&fixture.lock);
    return 0;
}

static int device_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)status;
    pthread_mutex_lock(&fixture.lock);
    fixture.write_flags = flags;
    memcpy(fixture.memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    pthread_mutex_unlock(&fixture.lock);
    return 0;
}

static int device_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    pthread_mutex_lock(&fixture.lock);
    fixture.flushes++;
    fixture.flush_lba = lba;
    fixture.flush_blocks = blocks;
    pthread_mutex_unlock(&fixture.lock);
    return 0;
}

static int device_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags;
    pthread_mutex_lock(&fixture.lock);
    fixture.unmap_calls++;
    for (uint32_t i = 0; i < count && ranges[i].lba != ERROR_LBA; i++)
        memset(fixture.memory + ranges[i].lba * BLOCK, 0, (size_t)ranges[i].blocks * BLOCK);
    pthread_mutex_unlock(&fixture.lock);
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].lba == ERROR_LBA)
            spd_status_set(status, 0x03, 0x11, 0x00, &ranges[i].lba);
    return 0;
}

void fixture_open(uint32_t flags)
{
    static const spd_ops ops = {
        .size = sizeof ops,
        .read = device_read,
        .write = device_write,
        .flush = device_flush,
        .unmap = device_unmap,
    };
    spd_params params = SPD_PARAMS_INIT;

    memset(&fixture, 0, sizeof fixture);
    pthread_mutex_init(&fixture.lock, NULL);
    pthread_cond_init(&fixture.changed, NULL);
    for (size_t i = 0; i < sizeof fixture.memory; i++)
        fixture.memory[i] = (uint8_t)(i / BLOCK + 1);
    assert_non_null(mkdtemp(work_template(fixture.long_folder, "spd-unix")));
    fixture.folder_fd = work_shorten(fixture.folder, fixture.long_folder);
    assert_true(fixture.folder_fd >= 0);
    snprintf(fixture.path, sizeof fixture.path, "%s/socket", fixture.folder);
    snprintf(fixture.uri, sizeof fixture.uri, "unix:%s", fixture.path);
    params.block_count = BLOCKS;
    params.max_transfer_length = TRANSFER;
    params.flags = flags;
    for (uint8_t i = 0; i < 16; i++)
        params.guid[i] = i + 1;
    assert_int_equal(
        spd_unit_create(fixture.uri, &params, &(spd_device){ &ops, NULL }, &fixture.unit), 0);
}

void fixture_start(uint32_t flags)
{
    fixture_open(flags);
    assert_int_equal(spd_unit_start(fixture.unit, 4), 0);
}

void begin(uint32_t flags)
{
    fixture_start(flags);
    client = client_greeted(NULL);
}

void end(void)
{
    if (client >= 0)
        close(client);
    client = -1;
    if (!fixture.unit)
        return;
    fixture_open_gate();
    spd_unit_delete(fixture.unit);
    fixture.unit = NULL;
    assert_int_equal(access(fixture.path, F_OK), -1);
    assert_int_equal(rmdir(fixture.long_folder), 0);
    close(fixture.folder_fd);
    pthread_mutex_destroy(&fixture.lock);
    pthread_cond_destroy(&fixture.changed);
}

int fixture_teardown(void **state)
{
    (void)state;
    end();
    return 0;
}

void fixture_open_gate(void)
{
    pthread_mutex_lock(&fixture.lock);
    fixture.gate_open = true;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.lock);
}

void fixture_await_gate(unsigned waiting)
{
    pthread_mutex_lock(&fixture.lock);
    while (fixture.waiting < waiting)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

int client_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int client_greeted(struct transact_params *params)
{
    uint8_t wire[TRANSACT_PARAMS_LENGTH];
    struct transact_params ignored;
    int fd = client_connect(fixture.path);

    assert_true(client_receive_bytes(fd, wire, sizeof wire));
    assert_true(transact_decode_params(wire, params ? params : &ignored));
    return fd;
}

void client_send_bytes(int fd, const void *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

        if (n < 0)
            return; /* the door may have closed already: the test will see */
        bytes = (const uint8_t *)bytes + n;
        length -= (size_t)n;
    }
}

void client_send(int fd, const struct transact_request *request, const void *payload)
{
    uint8_t wire[TRANSACT_HEADER_LENGTH];

    transact_encode_request(request, wire);
    client_send_bytes(fd, wire, sizeof wire);
    client_send_bytes(fd, payload, transact_request_payload(request, BLOCK));
}

bool client_receive_bytes(int fd, void *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        ssize_t n = recv(fd, (uint8_t *)bytes + got, length - got, 0);

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

struct transact_response client_receive(int fd, const struct transact_request *request,
    uint8_t *data)
{
    uint8_t wire[TRANSACT_HEADER_LENGTH];
    struct transact_response response;

    assert_true(client_receive_bytes(fd, wire, sizeof wire));
    transact_decode_response(wire, &response);
    if (request) {
        assert_int_equal(response.hint, request->hint);
        assert_int_equal(response.kind, request->kind);
        assert_true(client_receive_bytes(fd, data,
            transact_response_payload(request, BLOCK, &response.status)));
    }
    return response;
}

struct transact_status client_do(int fd, uint8_t kind, uint64_t lba, uint32_t blocks, uint8_t *data)
{
    static uint64_t hint = 1000;
    struct transact_request request = {
        .hint = ++hint, .kind = kind, .lba = lba, .blocks = blocks,
    };
    struct transact_range range = { lba, blocks };
    uint8_t wire[TRANSACT_RANGE_LENGTH];

    if (kind == TRANSACT_UNMAP) {
        request.blocks = 1;
        transact_encode_range(&range, wire);
        data = wire;
    }
    client_send(fd, &request, data);
    return client_receive(fd, &request, data).status;
}

void assert_closed(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
    if (fd == client)
        client = -1;
}

void assert_check(struct transact_status status, uint8_t key, uint8_t asc, uint8_t ascq)
{
    assert_int_equal(status.scsi_status, 2);
    assert_int_equal(status.sense_key, key);
    assert_int_equal(status.asc, asc);
    assert_int_equal(status.ascq, ascq);
}
