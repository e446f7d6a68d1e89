/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A byte stream into the iSCSI door, before login and after it. The first byte of an input chooses:
 * bit 0 logged in, bit 1 a device that answers late, bits 2-3 digests, bit 4 unsolicited data. The
 * second is the number of bytes that arrive at once (0: all of them). The target has units at LUN 0
 * and 1.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/member.h"
#include "doors/iscsi/portal.h"
#include "lib/unit.h"
#include "scsi/be.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 512, BLOCKS = 4096, HELD_MAX = 512 };

enum { LOGGED_IN = 1, LATE = 2, HEADER_DIGEST = 4, DATA_DIGEST = 8, UNSOLICITED = 16 };

static uint8_t memory[BLOCKS * BLOCK];
static struct iscsi_portal *portal;
static spd_request *held[HELD_MAX];
static unsigned held_count;
static bool late;

static void finish(spd_request *request)
{
    uint8_t *at = memory + spd_request_lba(request) * BLOCK;
    spd_operation operation = spd_request_operation(request);
    uint32_t count;

    if (operation == SPD_READ || operation == SPD_WRITE) {
        const spd_vec *vec = spd_request_data(request, &count);

        for (uint32_t i = 0; i < count; at += vec[i++].length)
            if (operation == SPD_READ)
                memcpy(vec[i].base, at, vec[i].length);
            else
                memcpy(at, vec[i].base, vec[i].length);
    }
    spd_request_complete(request, NULL);
}

static void submit(spd_device *device, spd_request *request)
{
    (void)device;
    if (late && held_count < HELD_MAX)
        held[held_count++] = request;
    else
        finish(request);
}

/* Opened, but never started: its loop is turned below, on this thread. */
static struct iscsi_door *open_unit(const char *name)
{
    const spd_ops ops = { .size = sizeof ops, .submit = submit };
    spd_params params = SPD_PARAMS_INIT;
    struct iscsi_door *door;
    spd_unit *unit;

    params.block_count = BLOCKS;
    params.queue_depth = 8;
    params.flags |= SPD_UNMAP_SUPPORTED;
    if (spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit) != 0) {
        fprintf(stderr, "%s\n", spd_error_detail());
        abort();
    }
    door = (struct iscsi_door *)(void *)unit->doors[0];
    iscsi_member_join(door);
    return door;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char second[128];

    (void)argc;
    (void)argv;
    portal = open_unit("iscsi://127.0.0.1:0/iqn.2026-01.org.example:fuzz")->target->portal;
    snprintf(second, sizeof second, "iscsi://127.0.0.1:%s/iqn.2026-01.org.example:fuzz/1",
        portal->port);
    open_unit(second);
    spd_loop_turn(&portal->loop, 0);
    return 0;
}

static void drain(int fd)
{
    char bytes[65536];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* Everything that was sent has been looked at when a turn finds nothing more to read. */
static void turn(int fd)
{
    for (int i = 0; i < 4; i++) {
        spd_loop_turn(&portal->loop, 0);
        drain(fd);
    }
}

static void log_in(int fd, uint8_t mode)
{
    uint8_t pdu[ISCSI_BHS + 512] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, 0x87 };
    int length = snprintf((char *)pdu + ISCSI_BHS, 512,
        "InitiatorName=iqn.2026-01.org.example:i%cTargetName=iqn.2026-01.org.example:fuzz%c"
        "HeaderDigest=%s%cDataDigest=%s%cInitialR2T=%s%cFirstBurstLength=1024%cMaxBurstLength=2048",
        0, 0, mode & HEADER_DIGEST ? "CRC32C" : "None", 0, mode & DATA_DIGEST ? "CRC32C" : "None",
        0, mode & UNSOLICITED ? "No" : "Yes", 0, 0) + 1;

    be24_put(pdu + BHS_DATA_LENGTH, (uint32_t)length);
    if (send(fd, pdu, ISCSI_BHS + ((size_t)length + 3) / 4 * 4, 0) < 0)
        abort();
    turn(fd);
}

static void deliver(int fd, const uint8_t *data, size_t size, size_t piece)
{
    while (size > 0) {
        ssize_t n = send(fd, data, piece < size ? piece : size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
        turn(fd);
    }
}

static void complete_held(void)
{
    late = false;
    for (unsigned i = 0; i < held_count; i++)
        finish(held[i]);
    held_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];

    if (size < 2)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 || !iscsi_connection_new(portal, pair[0]))
        abort();
    late = data[0] & LATE;
    if (data[0] & LOGGED_IN)
        log_in(pair[1], data[0]);
    deliver(pair[1], data + 2, size - 2, data[1] == 0 ? SIZE_MAX : data[1]);
    if (size & 1) {
        complete_held();
        turn(pair[1]);
    }
    close(pair[1]);
    spd_loop_turn(&portal->loop, 0);
    complete_held();
    /* Nothing may stay behind: no connection, no session, no task, nobody's place in a share. */
    for (int i = 0; i < 8; i++)
        spd_loop_turn(&portal->loop, 0);
    if (portal->connection_count != 0 || !list_empty(&portal->sessions) ||
        !list_empty(&portal->waits))
        abort();
    for (unsigned i = 0; i < HOLDS; i++)
        if (portal->peers.counts[i] != 0)
            abort();
    return 0;
}
