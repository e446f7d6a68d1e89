/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "kernel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/tcmu/protocol.h"
#include "scsi/be.h"

struct tcmu_door *kernel_door;
int kernel_fd = -1;
bool kernel_by_hand;

static int door_fd = -1;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    struct tcmu_door *door = calloc(1, sizeof *door);
    int ends[2];

    (void)uri;
    must(door && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    door_fd = ends[0];
    kernel_fd = ends[1];
    door->door.unit = unit;
    strcpy(door->target.name, "test");
    atomic_store(&door->began, 1);
    must(!tcmu_serve_open(door, door_fd, memory, MEMORY));
    kernel_door = door;
    *result = &door->door;
    return 0;
}

static int start_door(struct spd_door *door)
{
    return kernel_by_hand ? 0 : spd_loop_start(&((struct tcmu_door *)door)->loop, "kernel");
}

static void stop_door(struct spd_door *door)
{
    spd_loop_stop(&((struct tcmu_door *)door)->loop);
}

static void look_door(struct spd_door *door)
{
    spd_loop_wake(&((struct tcmu_door *)door)->loop);
}

static void join_door(struct spd_door *door)
{
    struct spd_loop *loop = &((struct tcmu_door *)door)->loop;

    while (kernel_by_hand && !spd_loop_drain(loop))
        spd_loop_turn(loop, -1);
    spd_loop_join(loop);
}

static void close_door(struct spd_door *door)
{
    tcmu_serve_close((struct tcmu_door *)door);
    close(door_fd);
    kernel_remove();
    kernel_door = NULL;
    free(door);
}

static const struct spd_door_ops ops = {
    .scheme = "kernel",
    .synopsis = "kernel:",
    .open = open_door,
    .start = start_door,
    .look = look_door,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};

const struct spd_door_ops *const spd_doors[] = { &ops, NULL };

void kernel_kick(void)
{
    uint32_t count = 1;

    must(write(kernel_fd, &count, sizeof count) == sizeof count);
}

void kernel_await(uint32_t tail)
{
    const _Atomic uint32_t *place = (const _Atomic uint32_t *)(const void *)(memory + MAILBOX_TAIL);

    while (atomic_load(place) < tail)
        os_yield();
}

void kernel_remove(void)
{
    if (kernel_fd >= 0)
        close(kernel_fd);
    kernel_fd = -1;
}

size_t put_cdb(uint16_t id, const uint8_t *cdb, size_t length, const struct vec64 *vecs,
    uint32_t count)
{
    size_t at = put_command(id, vecs, count);

    memset(memory + at + CDB_AT, 0, ENTRY - CDB_AT);
    memcpy(memory + at + CDB_AT, cdb, length);
    return at;
}

size_t put_transfer(uint16_t id, uint8_t opcode, uint64_t lba, uint32_t blocks,
    const struct vec64 *vecs, uint32_t count)
{
    uint8_t cdb[16] = { opcode };

    be64_put(cdb + 2, lba);
    be32_put(cdb + 10, blocks);
    return put_cdb(id, cdb, sizeof cdb, vecs, count);
}
