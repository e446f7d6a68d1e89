/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The loop: it waits for the kernel's events, and lets the kernel have the answers. It needs
 * nothing but shared memory and a descriptor. */

#include "doors/tcmu/door.h"

#include <errno.h>
#include <unistd.h>

static const uint64_t luns[] = { 0 };

static struct tcmu_door *door_of(const struct spd_loop *loop)
{
    return (struct tcmu_door *)(void *)((char *)loop - offsetof(struct tcmu_door, loop));
}

/* The device has gone: the kernel waits for nothing any more. */
static void forget_device(struct tcmu_door *door)
{
    if (door->watch.socket == OS_NO_SOCKET)
        return;
    spd_loop_remove(&door->loop, &door->watch);
    door->watch.socket = OS_NO_SOCKET;
    tcmu_commands_cancel(door);
}

/* The count is of events so far. Reading it makes the device quiet until the next one. */
static void device_ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct tcmu_door *door =
        (struct tcmu_door *)(void *)((char *)watch - offsetof(struct tcmu_door, watch));
    uint32_t count;
    ssize_t length = read(watch->socket, &count, sizeof count);

    if (!(flags & OS_POLL_GONE) && (length >= 0 || errno == EAGAIN))
        return;
    forget_device(door);
    if (door->began)
        tcmu_commands_fail(door, "the kernel's device was removed");
}

/* Task management of other doors. */
static void look(struct tcmu_door *door)
{
    uint32_t round = spd_round(&door->door);

    if (round != door->round)
        tcmu_commands_abort(door, round);
    door->owes_report |= round != door->round;
    door->round = round;
    if (door->owes_report && !tcmu_commands_change(door)) {
        door->owes_report = false;
        spd_round_report(&door->door, round);
    }
}

/* All answers of a turn go with one call. The kernel takes them within it. */
static void wake_kernel(struct tcmu_door *door)
{
    uint32_t one = 1;
    ssize_t length = 0;

    if (tcmu_ring_publish(&door->ring) && door->watch.socket != OS_NO_SOCKET)
        length = write(door->watch.socket, &one, sizeof one);
    (void)length; /* a device that has gone says so to the poller, too */
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    tcmu_command_completed(request);
}

static bool settle(struct spd_loop *loop)
{
    struct tcmu_door *door = door_of(loop);
    bool more = false;

    look(door);
    if (door->watch.socket != OS_NO_SOCKET)
        more = tcmu_commands_receive(door);
    wake_kernel(door);
    return more;
}

static void stop(struct spd_loop *loop)
{
    struct tcmu_door *door = door_of(loop);

    forget_device(door);
}

static bool has_no_command(const struct spd_loop *loop)
{
    return door_of(loop)->running == 0;
}

static const struct spd_loop_ops loop_ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = has_no_command,
};

int tcmu_serve_open(struct tcmu_door *door, int fd, void *memory, size_t size)
{
    const char *wrong;
    int error;

    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    door->watch = (struct spd_loop_socket){ .ready = device_ready, .socket = fd };
    scsi_nexus_init(&door->nexus, spd_unit_scsi(door->door.unit), &door->port);
    wrong = tcmu_ring_open(&door->ring, memory, size, TCMU_COMMANDS);
    if (wrong)
        return spd_fail(SPD_ERROR_SYSTEM, "the kernel's ring %s", wrong);
    error = tcmu_commands_make(door);
    if (error)
        return error;
    error = spd_loop_open(&door->loop, &loop_ops);
    if (error)
        return error;
    error = spd_loop_add(&door->loop, &door->watch, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for the kernel: %s", os_net_text(error));
    return 0;
}

void tcmu_serve_close(struct tcmu_door *door)
{
    tcmu_commands_free(door);
    tcmu_ring_close(&door->ring);
    spd_loop_close(&door->loop);
}
