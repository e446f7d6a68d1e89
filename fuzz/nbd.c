/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Arbitrary bytes from a client of the NBD door. Whatever they are, the connection must end, the
 * device must only see ranges that it has, and the next client must be served.
 *
 * The doors offer TLS, so a stream may come to a handshake.
 *
 * Input: a byte of choices (bit 0: a device on the door's own thread or on dispatchers; the rest
 * plus one: how many bytes go in one piece), then the stream.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../tests/unit/work.h"
#include "spd/spd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS = 64, BLOCK = 512, TRANSFER = 8192, STREAM_MAX = 65536 };

struct disk {
    spd_unit *unit;
    struct sockaddr_un address;
    uint8_t memory[BLOCKS * BLOCK];
};

static struct disk disks[2];
static char folder[WORK_PATH_MAX];

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t *at(spd_device *device, uint64_t lba, uint32_t blocks)
{
    must(lba <= BLOCKS && blocks <= BLOCKS - lba);
    return ((struct disk *)device->context)->memory + lba * BLOCK;
}

static int disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)flags, (void)status;
    must(blocks <= TRANSFER / BLOCK);
    memcpy(buffer, at(device, lba, blocks), (size_t)blocks * BLOCK);
    return 0;
}

static int disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)flags, (void)status;
    must(blocks <= TRANSFER / BLOCK);
    memcpy(at(device, lba, blocks), buffer, (size_t)blocks * BLOCK);
    return 0;
}

static int disk_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)flags, (void)status;
    at(device, lba, blocks);
    return 0;
}

static int disk_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    (void)flags, (void)status;
    for (uint32_t i = 0; i < count; i++)
        memset(at(device, ranges[i].lba, ranges[i].blocks), 0, (size_t)ranges[i].blocks * BLOCK);
    return 0;
}

static int disk_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    (void)flags, (void)status;
    at(device, lba, blocks);
    for (uint32_t i = 0; i < blocks; i++)
        spd_extents_add(extents, 1, i % 3 ? SPD_MAPPED : SPD_DEALLOCATED);
    return 0;
}

static char keys[WORK_PATH_MAX + 8];

static void clean_up(void)
{
    unlink(keys);
    for (int i = 0; i < 2; i++)
        spd_unit_delete(disks[i].unit);
    rmdir(folder);
}

static void make_keys(void)
{
    static const char line[] = "bob:000102030405060708090a0b0c0d0e0f\n";
    int fd;

    snprintf(keys, sizeof keys, "%s/keys", folder);
    fd = open(keys, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, line, sizeof line - 1) == (ssize_t)sizeof line - 1);
    close(fd);
}

static void set_up(void)
{
    static const spd_ops ops = {
        .size = sizeof ops,
        .read = disk_read,
        .write = disk_write,
        .flush = disk_flush,
        .unmap = disk_unmap,
        .extents = disk_extents,
    };
    char name[WORK_SHORT_MAX];

    must(mkdtemp(work_template(folder, "fuzz-nbd")));
    must(work_shorten(name, folder) >= 0);
    make_keys();
    for (int i = 0; i < 2; i++) {
        struct disk *disk = &disks[i];
        spd_params params = SPD_PARAMS_INIT;
        char uri[sizeof disk->address.sun_path + sizeof keys + 64];

        disk->address.sun_family = AF_UNIX;
        snprintf(disk->address.sun_path, sizeof disk->address.sun_path, "%s/%d", name, i);
        snprintf(uri, sizeof uri, "nbd+unix:///disk?socket=%s&tls-psk-file=%s",
            disk->address.sun_path, keys);
        params.block_count = BLOCKS;
        params.max_transfer_length = TRANSFER;
        params.flags = SPD_CACHE | SPD_UNMAP_SUPPORTED | (i ? 0 : SPD_NEVER_BLOCKS);
        must(spd_unit_create(uri, &params, &(spd_device){ &ops, disk }, &disk->unit) == 0);
        must(spd_unit_start(disk->unit, 2) == 0);
    }
    atexit(clean_up);
}

/* Accepted and greeted: the sign that the door is alive. The place of the client before this one
 * may only come free a moment after its stream ended, but there are several. */
static int connect_to(const struct disk *disk)
{
    uint8_t wire[18];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n;

    must(fd >= 0);
    /* libFuzzer's own alarm interrupts. */
    while (connect(fd, (const struct sockaddr *)&disk->address, sizeof disk->address))
        must(errno == EINTR);
    for (size_t got = 0; got < sizeof wire; got += n > 0 ? (size_t)n : 0) {
        n = recv(fd, wire + got, sizeof wire - got, 0);
        must(n > 0 || (n < 0 && errno == EINTR));
    }
    must(memcmp(wire, "NBDMAGICIHAVEOPT", 16) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sink[65536];
    size_t piece;
    ssize_t n;
    int fd;

    if (size == 0 || size > STREAM_MAX)
        return 0;
    if (!disks[0].unit)
        set_up();
    fd = connect_to(&disks[data[0] & 1]);
    piece = (data[0] >> 1) + 1u;
    if (piece == 128)
        piece = STREAM_MAX;
    for (size_t done = 1; done < size; done += piece) {
        size_t length = size - done < piece ? size - done : piece;

        /* The socket's buffer holds a whole stream, so this does not wait for a door that waits. */
        if (send(fd, data + done, length, MSG_NOSIGNAL) < 0 && errno != EINTR)
            break;
    }
    shutdown(fd, SHUT_WR);
    do {
        n = recv(fd, sink, sizeof sink, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    close(fd);
    return 0;
}
