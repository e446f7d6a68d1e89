/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of the ublk door. */

#include "doors/ublk/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "lib/uri.h"

enum { NAME_LENGTH = 32 };

static const uint64_t luns[] = { 0 };

static struct ublk_door *door_of(struct spd_door *base)
{
    return (struct ublk_door *)(void *)base;
}

/* When memory is scarce, the kernel writes dirty pages to disks, and waits. A server of a disk must
 * not wait for that in turn. Threads inherit it, and those that call the device are made later. */
static void become_flusher(void)
{
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0); /* refused without CAP_SYS_RESOURCE */
}

/* The first queue is the door's own part. */
static int open_queues(struct ublk_door *door)
{
    struct spd_door **link = &door->base.door.part;
    int error = 0;

    door->queues = calloc(door->info.queues, sizeof *door->queues);
    if (!door->queues)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the queues of a ublk device");
    for (uint16_t i = 0; i < door->info.queues && !error; i++) {
        struct ublk_queue *queue = &door->queues[i];

        queue->door = door;
        queue->number = i;
        queue->part = &door->base;
        if (i) {
            queue->part = &queue->more;
            queue->more.door = (struct spd_door){ .ops = &ublk_door_ops,
                .unit = door->base.door.unit, .uri = door->base.door.uri };
            *link = &queue->more.door;
            link = &queue->more.door.part;
        }
        queue->part->queue = queue;
        door->queue_count = i + 1u;
        error = ublk_queue_open(queue);
    }
    return error;
}

static void close_door(struct spd_door *base)
{
    struct ublk_door *door = door_of(base);

    for (uint32_t i = 0; i < door->queue_count; i++)
        ublk_queue_close(&door->queues[i]);
    free(door->queues);
    ublk_device_close(door);
    ublk_control_close(&door->control);
    os_cond_destroy(&door->changed);
    os_mutex_destroy(&door->lock);
    free(door);
}

static int open_parts(struct ublk_door *door)
{
    struct spd_door *base = &door->base.door;
    char name[NAME_LENGTH];
    int error = ublk_control_open(&door->control);

    if (!error)
        error = ublk_device_open(door);
    if (error)
        return error;
    snprintf(name, sizeof name, "/dev/ublkb%u", door->info.dev_id);
    base->uri = strdup(name);
    base->name = ublk_config_name(&door->config);
    if (!base->uri || !base->name)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the name of a ublk device");
    return open_queues(door);
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    struct ublk_config config;
    int error = ublk_config_read(uri, &config);
    struct ublk_door *door;

    if (error)
        return error;
    door = calloc(1, sizeof *door);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the ublk door");
    door->base.door.ops = &ublk_door_ops;
    door->base.door.unit = unit;
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    door->config = config;
    door->control.fd = -1;
    door->device = -1;
    os_mutex_init(&door->lock);
    os_cond_init(&door->changed);
    become_flusher();
    error = open_parts(door);
    if (error) {
        free(door->base.door.uri);
        free(door->base.door.name);
        close_door(&door->base.door);
        return error;
    }
    *result = &door->base.door;
    return 0;
}

/* 0, or what the kernel says to a fetch. */
static int await_fetches(struct ublk_door *door)
{
    int error;

    os_mutex_lock(&door->lock);
    while (door->ready < door->queue_count)
        os_cond_wait(&door->changed, &door->lock);
    error = door->failed;
    os_mutex_unlock(&door->lock);
    return error ? ublk_control_fail(door->info.dev_id, "requests cannot be fetched", error) : 0;
}

static void end_queues(struct ublk_door *door)
{
    for (uint32_t i = 0; i < door->queue_count; i++)
        ublk_queue_join(&door->queues[i]);
}

static int start_door(struct spd_door *base)
{
    struct ublk_door *door = door_of(base);
    uint32_t started = 0;
    int error = 0;

    while (started < door->queue_count && !error) {
        error = ublk_queue_start(&door->queues[started]);
        started += !error;
    }
    if (!error)
        error = await_fetches(door);
    if (!error)
        error = ublk_device_start(door);
    if (error) {
        atomic_store(&door->stopping, true);
        end_queues(door);
        return error;
    }
    atomic_store(&base->nexuses, 1);
    if (door->recovers)
        spd_log(SPD_LOG_INFO, "%s: serves again, after the end of its former server", base->uri);
    return 0;
}

/* The device stops in join: what its users have not written yet comes then. */
static void stop_door(struct spd_door *base)
{
    atomic_store(&door_of(base)->stopping, true);
}

static void look_part(struct spd_door *part)
{
    spd_loop_wake(&((struct ublk_part *)(void *)part)->queue->loop);
}

static void join_door(struct spd_door *base)
{
    struct ublk_door *door = door_of(base);

    ublk_device_stop(door);
    end_queues(door);
    atomic_store(&base->nexuses, 0);
}

const struct spd_door_ops ublk_door_ops = {
    .scheme = "ublk",
    .synopsis = "ublk:[NUMBER][?queues=N&depth=N&recover=0]",
    .best = 1,
    .open = open_door,
    .start = start_door,
    .look = look_part,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
