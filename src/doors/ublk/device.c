/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The kernel's device, from its begin to its end. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doors/ublk/door.h"

enum { PATH_LENGTH = 32, PATIENCE_MS = 10000, PAUSE_US = 10000 };

/* The number may still be that of a device that was deleted a moment ago. */
static int add_number(struct ublk_control *control, struct ublk_info *info)
{
    uint64_t end = os_now_ns() + PATIENCE_MS * UINT64_C(1000000);
    struct ublk_info wanted = *info;
    int error;

    while ((error = ublk_control_add(control, info)) == EEXIST && os_now_ns() < end) {
        *info = wanted;
        usleep(PAUSE_US);
    }
    return error;
}

static int add(struct ublk_door *door)
{
    uint64_t recovery = door->config.recover ?
        UBLK_F_USER_RECOVERY | UBLK_F_USER_RECOVERY_REISSUE : 0;
    struct ublk_control *control = &door->control;
    struct ublk_params params;
    int error = ublk_params_make(spd_unit_scsi(door->base.door.unit), UBLK_IO_BYTES_MAX, &params);

    if (error)
        return error;
    door->info = (struct ublk_info){
        .queues = door->config.queues,
        .depth = door->config.depth,
        .io_bytes_max = UBLK_IO_BYTES_MAX,
        .dev_id = door->config.number,
        .flags = UBLK_F_CMD_IOCTL_ENCODE | (recovery & control->features) |
            (control->unprivileged ? UBLK_F_UNPRIVILEGED_DEV : 0),
        .server_flags = ublk_params_identity(spd_unit_scsi(door->base.door.unit)),
    };
    error = add_number(control, &door->info);
    if (error == EEXIST)
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "/dev/ublkb%u is another server's",
            door->config.number);
    if (error == EPERM || error == EACCES)
        return spd_fail(SPD_ERROR_ACCESS,
            "the kernel lets root alone make this block device (%s)", strerror(error));
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "ublk makes no device: %s", strerror(error));
    door->made = true;
    error = ublk_control_set_params(control, door->info.dev_id, &params);
    return error ? ublk_control_fail(door->info.dev_id, "its parameters are refused", error) : 0;
}

/* The system's own rules give the device to an unprivileged user a moment after its birth. */
static int open_device(struct ublk_door *door)
{
    uint64_t end = os_now_ns() + PATIENCE_MS * UINT64_C(1000000);
    char path[PATH_LENGTH];

    snprintf(path, sizeof path, "/dev/ublkc%u", door->info.dev_id);
    do {
        door->device = open(path, O_RDWR | O_CLOEXEC);
        if (door->device >= 0)
            return 0;
        if (errno != EACCES && errno != ENOENT && errno != EBUSY)
            break;
        usleep(PAUSE_US);
    } while (os_now_ns() < end);
    return spd_fail(errno == EACCES ? SPD_ERROR_ACCESS : SPD_ERROR_SYSTEM, "cannot open %s: %s%s",
        path, strerror(errno), errno == EACCES ? "; the udev rule of spd-names(7) gives it to your "
        "group" : "");
}

int ublk_device_open(struct ublk_door *door)
{
    int error = ublk_find(door);

    if (!error && !door->recovers)
        error = add(door);
    if (!error)
        error = open_device(door);
    door->config.number = door->info.dev_id;
    door->config.queues = door->info.queues;
    door->config.depth = door->info.depth;
    return error;
}

int ublk_device_start(struct ublk_door *door)
{
    uint32_t number = door->info.dev_id;
    int error = ublk_control_do(&door->control,
        door->recovers ? UBLK_END_USER_RECOVERY : UBLK_START_DEV, number, (uint64_t)getpid());

    if (error)
        return ublk_control_fail(number, "the device does not start", error);
    door->live = true;
    door->made = true;
    return 0;
}

void ublk_device_stop(struct ublk_door *door)
{
    uint32_t number = door->info.dev_id;
    int error;

    if (!door->live)
        return;
    error = ublk_control_do(&door->control, UBLK_STOP_DEV, number, 0);
    door->live = false;
    if (!error)
        return;
    door->made = false;
    ublk_control_fail(number, "the device does not stop", error);
    spd_log(SPD_LOG_ERROR, "%s", spd_error_detail());
}

void ublk_device_close(struct ublk_door *door)
{
    if (door->device >= 0)
        close(door->device);
    if (door->made)
        ublk_control_delete(&door->control, door->info.dev_id);
}
