/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A disk of more than 2^32 blocks, of which the last ones are used: no address fits in 32 bits, and
 * one that was cut would be out of what the server has. */

#include "client.h"
#include <winioctl.h>

#define BLOCKS 0x300000010ULL
#define WINDOW 256
#define FIRST (BLOCKS - WINDOW)

static UINT32 btl;
static struct server server;

static void begin(const char *product)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.BlockCount = BLOCKS;
    params.MaxTransferLength = 8 * BLOCK;
    params.CacheSupported = params.UnmapSupported = 1;
    memcpy(params.ProductId, product, strlen(product));
    btl = provision_good(&params);
    params.BlockCount = WINDOW;
    server_start(&server, &params, btl, 2);
    server.first = FIRST;
    server.end = BLOCKS;
    /* The adapter passes nothing to a disk, and a disk's blocks can be read once it has started. */
    if (!*product)
        scsi_ready(btl);
}

static HANDLE begin_disk(void)
{
    HANDLE disk;

    begin("Large disk      ");
    WAIT_UNTIL((disk = disk_open(btl)));
    return disk;
}

static void end(HANDLE disk)
{
    if (disk)
        CloseHandle(disk);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
    WAIT_UNTIL(disk_count() == 0);
}

/* In chunks, too: 100 blocks are 13 of the longest transfers. */
static void a_disk_reads_and_writes(void)
{
    HANDLE disk = begin_disk();
    UCHAR *data = malloc(100 * BLOCK), *back = malloc(100 * BLOCK);

    fill_pattern(data, FIRST + 3, 100, 4);
    CHECK_EQUAL(disk_transfer(disk, TRUE, (FIRST + 3) * BLOCK, data, 100 * BLOCK), 100 * BLOCK);
    CHECK(is_pattern(server.disk + 3 * BLOCK, FIRST + 3, 100, 4));
    CHECK_EQUAL(disk_transfer(disk, FALSE, (FIRST + 3) * BLOCK, back, 100 * BLOCK), 100 * BLOCK);
    CHECK_BYTES(back, data, 100 * BLOCK);
    CHECK_EQUAL(disk_transfer(disk, FALSE, (BLOCKS - 1) * BLOCK, back, BLOCK), BLOCK);
    CHECK_EQUAL(disk_transfer(disk, FALSE, BLOCKS * BLOCK, back, BLOCK), 0);
    free(data);
    free(back);
    end(disk);
}

static void a_disk_has_its_length(void)
{
    HANDLE disk = begin_disk();
    GET_LENGTH_INFORMATION length;

    CHECK_EQUAL(device_control(
        disk, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL), 0);
    CHECK_EQUAL(length.Length.QuadPart, BLOCKS * BLOCK);
    end(disk);
}

/* By pass-through of the adapter. */
static void commands_move_its_blocks(void)
{
    UCHAR data[20 * BLOCK], back[20 * BLOCK] = { 0 };
    struct scsi out, in;

    begin("");
    fill_pattern(data, FIRST + 50, 20, 1);
    out = scsi_move(btl, DATA_OUT, FIRST + 50, 20, data);
    scsi_run(&out);
    CHECK_EQUAL(out.error | out.status, 0);
    in = scsi_move(btl, DATA_IN, FIRST + 50, 20, back);
    in.direct = TRUE;
    scsi_run(&in);
    CHECK_EQUAL(in.error | in.status, 0);
    CHECK_BYTES(back, data, sizeof data);
    end(NULL);
}

static void put_be(UCHAR *out, UINT64 value, unsigned length)
{
    while (length--) {
        out[length] = (UCHAR)value;
        value >>= 8;
    }
}

static void a_flush_has_its_address(void)
{
    struct scsi command = { .direction = DATA_NONE, .cdb_length = 16, .cdb = { 0x91, [13] = 5 } };

    begin("");
    command.btl = btl;
    put_be(command.cdb + 2, FIRST + 9, 8);
    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(server.flushes, 1);
    CHECK_EQUAL(server.flush_block, FIRST + 9);
    CHECK_EQUAL(server.flush_count, 5);
    end(NULL);
}

static void an_unmap_has_its_address(void)
{
    UCHAR list[24] = { 0, 22, 0, 16 };
    struct scsi command = { .direction = DATA_OUT, .data = list, .length = sizeof list,
        .cdb_length = 10, .cdb = { 0x42, [8] = sizeof list } };

    begin("");
    command.btl = btl;
    put_be(list + 8, FIRST + 20, 8);
    put_be(list + 16, 7, 4);
    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(server.unmaps, 1);
    CHECK_EQUAL(server.unmap_block, FIRST + 20);
    CHECK_EQUAL(server.unmap_count, 7);
    put_be(list + 8, BLOCKS - 6, 8);
    command.length = sizeof list;
    scsi_run(&command);
    check_sense(&command, 5, 0x21, 0);
    end(NULL);
}

static void its_end_is_known(void)
{
    UCHAR data[2 * BLOCK] = { 0 };
    struct scsi command;

    begin("");
    command = scsi_move(btl, DATA_IN, BLOCKS - 1, 2, data);
    scsi_run(&command);
    check_sense(&command, 5, 0x21, 0);
    command = scsi_move(btl, DATA_OUT, BLOCKS, 1, data);
    scsi_run(&command);
    check_sense(&command, 5, 0x21, 0);
    CHECK_EQUAL(server.reads + server.writes, 0);
    end(NULL);
}

/* Data behind 2^32 blocks would be at the disk's begin if the address were cut. */
static void a_bad_block_is_told_whole_or_not_at_all(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[BLOCK];
    struct scsi command;
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    params.BlockCount = BLOCKS;
    btl = provision_good(&params);
    scsi_ready(btl);
    command = scsi_move(btl, DATA_IN, FIRST, 1, data);
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(req.Op.Read.BlockAddress, FIRST);
    rsp = good_response(&req);
    rsp.Status = (SPD_IOCTL_STORAGE_UNIT_STATUS){ .ScsiStatus = 2, .SenseKey = 3, .ASC = 0x11,
        .Information = FIRST, .InformationValid = 1 };
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), 0);
    scsi_wait(&command);
    check_sense(&command, 3, 0x11, 0);
    CHECK_EQUAL(command.sense[0], 0x70); /* fixed format: not valid, it has room for 32 bits */
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

const struct test large_tests[] = {
    { "large: a disk reads and writes", a_disk_reads_and_writes, .needs = NEEDS_DOUBLE },
    { "large: a disk has its length", a_disk_has_its_length, .needs = NEEDS_DOUBLE },
    { "large: commands move its blocks", commands_move_its_blocks },
    { "large: a flush has its address", a_flush_has_its_address },
    { "large: an unmap has its address", an_unmap_has_its_address },
    { "large: its end is known", its_end_is_known },
    { "large: a bad block is told whole or not at all", a_bad_block_is_told_whole_or_not_at_all },
    { 0 }
};
