/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/ublk/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/door.h"

enum { ENTRIES = 4, NO_QUEUE = 0xffff, PATH_LENGTH = 32, BUFFER_MAX = 128 };

/* Fields one by one: the command lies beyond the end that the header gives to the structure. */
static void prepare(struct io_uring_sqe *entry, int fd, uint32_t operation,
    const struct ublk_control_command *command)
{
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = fd;
    entry->off = operation; /* cmd_op, and zeros */
    memcpy((char *)entry + offsetof(struct io_uring_sqe, addr3), command, sizeof *command);
}

static int run(struct ublk_control *control, uint32_t operation,
    const struct ublk_control_command *command)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&control->ring);
    struct io_uring_cqe *completion;
    int error, result;

    if (!entry)
        return EBUSY;
    prepare(entry, control->fd, operation, command);
    do
        error = io_uring_submit_and_wait(&control->ring, 1);
    while (error == -EINTR);
    while (error >= 0 && (error = io_uring_wait_cqe(&control->ring, &completion)) == -EINTR)
        error = 0;
    if (error < 0)
        return -error;
    result = completion->res;
    io_uring_cqe_seen(&control->ring, completion);
    return result < 0 ? -result : 0;
}

/* A command with a buffer, to or from which length bytes go. The kernel finds the device of an
 * unprivileged user by the path before it. number: UINT32_MAX has no path. */
static int move(struct ublk_control *control, uint32_t operation, uint32_t number, void *buffer,
    size_t length, uint64_t data)
{
    char bytes[BUFFER_MAX] = { 0 };
    size_t path = 0;
    struct ublk_control_command command = { .dev_id = number, .queue_id = NO_QUEUE,
        .address = (uintptr_t)bytes, .data = data };
    int error;

    if (control->unprivileged && number != UINT32_MAX)
        path = (size_t)snprintf(bytes, PATH_LENGTH, "/dev/ublkc%u", number) + 1;
    if (length)
        memcpy(bytes + path, buffer, length);
    command.length = (uint16_t)(path + length);
    command.path_length = (uint16_t)path;
    error = run(control, operation, &command);
    if (!error && length)
        memcpy(buffer, bytes + path, length);
    return error;
}

int ublk_control_add(struct ublk_control *control, struct ublk_info *info)
{
    char bytes[BUFFER_MAX] = { 0 };
    struct ublk_control_command command = { .dev_id = info->dev_id, .queue_id = NO_QUEUE,
        .address = (uintptr_t)bytes, .length = sizeof *info };
    int error;

    memcpy(bytes, info, sizeof *info);
    error = run(control, UBLK_ADD_DEV, &command);
    memcpy(info, bytes, sizeof *info);
    return error;
}

int ublk_control_get_info(struct ublk_control *control, uint32_t number, struct ublk_info *info)
{
    memset(info, 0, sizeof *info);
    return move(control, control->unprivileged ? UBLK_GET_DEV_INFO2 : UBLK_GET_DEV_INFO, number,
        info, sizeof *info, 0);
}

int ublk_control_set_params(struct ublk_control *control, uint32_t number,
    struct ublk_params *params)
{
    return move(control, UBLK_SET_PARAMS, number, params, sizeof *params, 0);
}

int ublk_control_get_params(struct ublk_control *control, uint32_t number,
    struct ublk_params *params)
{
    *params = (struct ublk_params){ .length = sizeof *params };
    return move(control, UBLK_GET_PARAMS, number, params, sizeof *params, 0);
}

int ublk_control_do(struct ublk_control *control, uint32_t command, uint32_t number,
    uint64_t data)
{
    return move(control, command, number, NULL, 0, data);
}

/* Where somebody has mounted the device, the kernel keeps its number until the end of that: only
 * the older command waits for it. */
int ublk_control_delete(struct ublk_control *control, uint32_t number)
{
    int error = ublk_control_do(control, UBLK_DEL_DEV_ASYNC, number, 0);

    if (error == EOPNOTSUPP || error == EINVAL)
        error = ublk_control_do(control, UBLK_DEL_DEV, number, 0);
    return error;
}

int ublk_control_fail(uint32_t number, const char *what, int error)
{
    if (error == EPERM || error == EACCES)
        return spd_fail(SPD_ERROR_ACCESS, "/dev/ublkb%u: %s: %s; it needs root (CAP_SYS_ADMIN) for "
            "as long as the device is there, so leave --user out", number, what, strerror(error));
    return spd_fail(SPD_ERROR_SYSTEM, "/dev/ublkb%u: %s: %s", number, what, strerror(error));
}

static int refuse_open(int error)
{
    if (error == ENOENT || error == ENODEV || error == ENXIO)
        return spd_fail(SPD_ERROR_DOOR_MISSING, UBLK_CONTROL_PATH " is not there: load the driver "
            "by `modprobe ublk_drv`; it comes with Linux 6.0 and later, save small kernels such as "
            "Debian 12's for clouds");
    if (error == EACCES || error == EPERM)
        return spd_fail(SPD_ERROR_ACCESS, UBLK_CONTROL_PATH " may be opened by root alone: start "
            "as root, or give your group the right by the udev rule of spd-names(7)");
    return spd_fail(SPD_ERROR_SYSTEM, "cannot open " UBLK_CONTROL_PATH ": %s", strerror(error));
}

static int refuse_ring(int error)
{
    if (error == EPERM || error == ENOSYS)
        return spd_fail(SPD_ERROR_ACCESS, "this system refuses io_uring, by which ublk works: "
            "look at `sysctl kernel.io_uring_disabled` and at the container's system calls");
    return spd_fail(SPD_ERROR_SYSTEM, "cannot make a ring of io_uring: %s", strerror(error));
}

static int get_features(struct ublk_control *control)
{
    int error = move(control, UBLK_GET_FEATURES, UINT32_MAX, &control->features,
        UBLK_FEATURES_LENGTH, 0);

    if (error == EOPNOTSUPP || error == EINVAL ||
        (!error && !(control->features & UBLK_F_CMD_IOCTL_ENCODE)))
        return spd_fail(SPD_ERROR_NOT_SUPPORTED,
            "the ublk driver of this kernel is too old: it has to be Linux 6.6 or later");
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "asking ublk for its features: %s", strerror(error));
    return 0;
}

int ublk_control_open(struct ublk_control *control)
{
    int error;

    control->fd = open(UBLK_CONTROL_PATH, O_RDWR | O_CLOEXEC);
    if (control->fd < 0)
        return refuse_open(errno);
    error = io_uring_queue_init(ENTRIES, &control->ring, IORING_SETUP_SQE128);
    if (error)
        return refuse_ring(-error);
    control->has_ring = true;
    control->unprivileged = geteuid() != 0;
    return get_features(control);
}

void ublk_control_close(struct ublk_control *control)
{
    if (control->has_ring)
        io_uring_queue_exit(&control->ring);
    if (control->fd >= 0)
        close(control->fd);
}
