/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Devices that are there already. A server that was killed leaves its device: with recovery the
 * kernel keeps its requests for the next server of the same unit, else the device is dead and only
 * takes its number. The unit's identity is in a word that the kernel keeps for servers; so there is
 * no file that could tell something else than the kernel.
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors/ublk/door.h"

enum { PATIENCE_MS = 10000, PAUSE_US = 10000 };

static const char folder[] = "/sys/class/ublk-char";

/* The kernel sees the end of a server a moment after its parent does. */
static int await_end(struct ublk_control *control, struct ublk_info *info)
{
    uint64_t end = os_now_ns() + PATIENCE_MS * UINT64_C(1000000);
    int error = 0;

    while (!error && info->state == UBLK_LIVE && info->server_pid > 0 &&
        kill(info->server_pid, 0) != 0 && errno == ESRCH && os_now_ns() < end) {
        usleep(PAUSE_US);
        error = ublk_control_get_info(control, info->dev_id, info);
    }
    return error;
}

static int begin_recovery(struct ublk_control *control, uint32_t number)
{
    uint64_t end = os_now_ns() + PATIENCE_MS * UINT64_C(1000000);
    int error;

    while ((error = ublk_control_do(control, UBLK_START_USER_RECOVERY, number, 0)) == EBUSY &&
        os_now_ns() < end)
        usleep(PAUSE_US);
    return error;
}

/* The facts on which users of the device rely. */
static int check_same(struct ublk_door *door, uint32_t number)
{
    struct ublk_params was, now;
    int error = ublk_params_make(spd_unit_scsi(door->base.door.unit), UBLK_IO_BYTES_MAX, &now);
    const char *what = NULL;

    if (error)
        return error;
    error = ublk_control_get_params(&door->control, number, &was);
    if (error)
        return ublk_control_fail(number, "asking for its parameters", error);
    if (was.basic.logical_shift != now.basic.logical_shift)
        what = "length of a block";
    else if ((was.basic.attributes ^ now.basic.attributes) &
        (UBLK_ATTRIBUTE_READ_ONLY | UBLK_ATTRIBUTE_VOLATILE_CACHE))
        what = "write protection or write cache";
    else if (was.basic.sectors > now.basic.sectors)
        what = "size, now smaller";
    if (what)
        return spd_fail(SPD_ERROR_STATE, "/dev/ublkb%u waits for this disk with another %s: start "
            "it as before, or with ublk:%u?recover=0, which ends the device", number, what, number);
    return 0;
}

static int recover(struct ublk_door *door, const struct ublk_info *info)
{
    int error = check_same(door, info->dev_id);

    if (error)
        return error;
    error = begin_recovery(&door->control, info->dev_id);
    if (error)
        return ublk_control_fail(info->dev_id, "the device of a former server is not to be had",
            error);
    door->info = *info;
    door->recovers = true;
    return 0;
}

static int remove_device(struct ublk_door *door, const struct ublk_info *info)
{
    int error = 0;

    if (info->state != UBLK_DEAD)
        error = ublk_control_do(&door->control, UBLK_STOP_DEV, info->dev_id, 0);
    if (!error)
        error = ublk_control_delete(&door->control, info->dev_id);
    if (error)
        return ublk_control_fail(info->dev_id, "the device of a former server stays", error);
    spd_log(SPD_LOG_WARNING, "/dev/ublkb%u: the device of a former server is deleted",
        info->dev_id);
    return 0;
}

/* A device of this unit. A device with a server has another door. */
static int take(struct ublk_door *door, const struct ublk_info *info)
{
    if (info->state == UBLK_LIVE)
        return 0;
    if (info->state == UBLK_DEAD || !door->config.recover)
        return remove_device(door, info);
    return recover(door, info);
}

/* The number that is asked for is another unit's, or not even a unit's. */
static int clear(struct ublk_door *door, const struct ublk_info *info)
{
    uint64_t ours = ublk_params_identity(spd_unit_scsi(door->base.door.unit));
    bool of_a_unit = info->server_flags >> 48 == ours >> 48;

    if (info->state == UBLK_DEAD && of_a_unit)
        return remove_device(door, info);
    if (info->state != UBLK_LIVE && !door->config.recover)
        return remove_device(door, info);
    return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "/dev/ublkb%u is another disk's, %s",
        info->dev_id, info->state == UBLK_LIVE ? "which process serves now" :
        "whose server has died: restart that, or end the device by recover=0");
}

static int look_at(struct ublk_door *door, uint32_t number)
{
    struct ublk_info info;
    int error = ublk_control_get_info(&door->control, number, &info);

    if (!error)
        error = await_end(&door->control, &info);
    if (error) /* it has gone meanwhile, or is another user's */
        return 0;
    if (info.server_flags == ublk_params_identity(spd_unit_scsi(door->base.door.unit)))
        return take(door, &info);
    return number == door->config.number ? clear(door, &info) : 0;
}

int ublk_find(struct ublk_door *door)
{
    DIR *devices;
    struct dirent *entry;
    int error = 0;

    if (door->config.number != UBLK_ANY_NUMBER)
        return look_at(door, door->config.number);
    devices = opendir(folder);
    if (!devices)
        return 0;
    while (!error && !door->recovers && (entry = readdir(devices))) {
        unsigned number;

        if (sscanf(entry->d_name, "ublkc%u", &number) == 1)
            error = look_at(door, number);
    }
    closedir(devices);
    return error;
}
