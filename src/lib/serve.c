/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The executor of threads that the program lends. A door that serves calls the device on them from
 * within its own commands; for other doors they are dispatchers. */

#include "lib/serve.h"

#include "lib/unit.h"

/* The unit whose device the calling thread may call; NULL: none, or it is in a call. */
static _Thread_local struct spd_unit *lent_to;

/* Passes the request to a lent thread: by the door if it serves, else by the dispatchers. */
static bool pass_on(struct spd_request *request, enum scsi_step step)
{
    if (request->unit->dispatchers.started || !request->ops->later)
        return spd_device_post(request, step);
    spd_request_put_off(request, step);
    return false;
}

/* The device has one call at a time on a lent thread: further requests are for another thread. */
static bool perform(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_unit *unit = request->unit;
    bool ended;

    (void)bounce;
    if (lent_to != unit)
        return pass_on(request, step);
    lent_to = NULL;
    ended = spd_device_submit(request, step);
    lent_to = unit;
    return ended;
}

static bool flush(struct spd_request *request)
{
    return spd_device_submit(request, SCSI_FLUSH);
}

static int start(struct spd_unit *unit, uint32_t threads)
{
    (void)threads; /* they come by spd_unit_serve() */
    return unit->doors[0]->ops->serve ? 0 : spd_dispatchers_start(unit, 0, 0, spd_request_run);
}

static struct spd_request *close(struct spd_unit *unit)
{
    return unit->dispatchers.started ? spd_dispatchers_close(&unit->dispatchers) : NULL;
}

static void leave(struct spd_unit *unit)
{
    os_mutex_lock(&unit->lock);
    while (unit->serving)
        os_cond_wait(&unit->changed, &unit->lock);
    os_mutex_unlock(&unit->lock);
}

const struct spd_executor spd_executor_lent = {
    .perform = perform,
    .flush = flush,
    .start = start,
    .close = close,
    .leave = leave,
    .stop = spd_dispatchers_stop,
    .keeps_thread = true,
    .ranges_in_buffer = true,
};

bool spd_unit_is_lent(const struct spd_unit *unit)
{
    return unit->executor == &spd_executor_lent;
}

void *spd_unit_native(const struct spd_unit *unit)
{
    return unit->native;
}

void spd_unit_serve(spd_unit *unit)
{
    struct spd_door *door = unit->doors[0];
    bool running;
    int error = 0;

    os_mutex_lock(&unit->lock);
    running = unit->state == SPD_UNIT_RUNNING;
    unit->serving += running;
    os_mutex_unlock(&unit->lock);
    if (!running)
        return;
    lent_to = unit;
    if (door->ops->serve)
        door->ops->serve(door);
    else
        error = spd_dispatchers_serve(unit);
    lent_to = NULL;
    if (error)
        spd_unit_fail(unit, error);
    os_mutex_lock(&unit->lock);
    unit->serving--;
    os_cond_broadcast(&unit->changed);
    os_mutex_unlock(&unit->lock);
}
