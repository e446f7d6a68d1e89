/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/serve.h"
#include "lib/unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct spd_executor *executor_of(const spd_params *params, const spd_ops *ops)
{
    if (spd_queues_wanted(params, ops))
        return &spd_executor_queue;
    if (ops->submit)
        return &spd_executor_async;
    if (params->flags & SPD_NEVER_BLOCKS)
        return &spd_executor_inline;
    return params->flags & SPD_TRY_FIRST ? &spd_executor_try : &spd_executor_pool;
}

static void free_unit(struct spd_unit *unit)
{
    if (unit->has_stopper)
        os_thread_join(unit->stopper);
    for (uint32_t i = unit->door_count; i--;) {
        char *uri = unit->doors[i]->uri, *name = unit->doors[i]->name;

        unit->doors[i]->ops->close(unit->doors[i]);
        free(uri);
        free(name);
    }
    spd_units_remove(unit);
    os_cond_destroy(&unit->changed);
    os_mutex_destroy(&unit->lock);
    os_mutex_destroy(&unit->troubles.lock);
    spd_watch_destroy(&unit->watch);
    spd_pool_destroy(&unit->bounce);
    os_mutex_destroy(&unit->told_lock);
    spd_scratch_destroy(&unit->scratch);
    spd_pool_destroy(&unit->lists);
    spd_queues_free(unit);
    spd_gate_destroy(&unit->gate);
    spd_shards_free(unit->shards);
    free(unit->detail);
    free(unit);
}

static struct spd_unit *new_unit(const spd_params *params, const struct scsi_unit_params *scsi,
    const spd_ops *ops, void *context)
{
    struct spd_unit *unit = calloc(1, sizeof *unit);
    struct spd_shard *shards = spd_shards_new();

    if (!unit || !shards || !spd_watch_init(&unit->watch, params->slow_call)) {
        free(unit);
        spd_shards_free(shards);
        spd_fail(SPD_ERROR_NO_MEMORY, "for a storage unit");
        return NULL;
    }
    scsi_unit_init(&unit->scsi, scsi);
    unit->params = *params;
    unit->ops = *ops;
    unit->device = (spd_device){ &unit->ops, context };
    unit->block_shift = (uint32_t)__builtin_ctz(params->block_length);
    unit->fua = params->flags & SPD_CACHE ? 0 : SPD_FUA;
    unit->shards = shards;
    spd_gate_init(&unit->gate);
    os_mutex_init(&unit->told_lock);
    spd_scratch_init(&unit->scratch);
    spd_pool_init(&unit->lists, SPD_LIST_LENGTH, SPD_LISTS_LIMIT);
    /* Each is held only while its thread is in the device, so there are never more than threads. */
    spd_pool_init(&unit->bounce, params->max_transfer_length, SPD_THREADS_MAX);
    os_mutex_init(&unit->troubles.lock);
    os_mutex_init(&unit->lock);
    os_cond_init(&unit->changed);
    spd_units_add(unit);
    return unit;
}

static int add_door(struct spd_unit *unit, const char *device_name)
{
    int error;

    os_mutex_lock(&unit->lock);
    if (unit->state != SPD_UNIT_CREATED)
        error = spd_fail(SPD_ERROR_STATE, "doors are added before the unit is started");
    else if (unit->door_count == SPD_DOORS_MAX)
        error = spd_fail(SPD_ERROR_NOT_SUPPORTED, "a unit has at most %d doors", SPD_DOORS_MAX);
    else
        error = spd_door_open(unit, device_name, &unit->doors[unit->door_count]);
    if (!error)
        unit->door_count++;
    os_mutex_unlock(&unit->lock);
    return error;
}

/* executor NULL: the device's own choice. */
static int create(const char *device_name, const spd_params *params, enum scsi_profile profile,
    const spd_device *device, const struct spd_executor *executor, void *native, spd_unit **unit)
{
    struct scsi_unit_params scsi;
    struct spd_unit *created;
    spd_params checked;
    spd_ops operations;
    int error;

    *unit = NULL;
    error = spd_reserve_descriptors();
    if (error)
        return error;
    error = spd_params_import(params, &checked, &scsi);
    if (!error)
        error = spd_ops_import(device->ops, &checked, &operations);
    if (error)
        return error;
    if (!executor)
        executor = executor_of(&checked, &operations);
    scsi.profile = profile;
    scsi.write_zeroes = spd_has_verb(&operations, SPD_WRITE_ZEROES);
    scsi.extents = spd_has_verb(&operations, SPD_EXTENTS);
    scsi.prefetch = spd_has_verb(&operations, SPD_PREFETCH);
    if (executor->ranges_in_buffer)
        scsi.max_op_ranges = checked.max_transfer_length / (uint32_t)sizeof(spd_range);
    created = new_unit(&checked, &scsi, &operations, device->context);
    if (!created)
        return SPD_ERROR_NO_MEMORY;
    created->executor = executor;
    created->native = native;
    error = add_door(created, device_name);
    if (error) {
        free_unit(created);
        return error;
    }
    *unit = created;
    return 0;
}

int spd_unit_create(const char *device_name, const spd_params *params,
    const spd_device *device, spd_unit **unit)
{
    SPD_NEEDS(params);
    SPD_NEEDS(device);
    SPD_NEEDS(device->ops);
    SPD_NEEDS(unit);
    return create(device_name, params, SCSI_PROFILE_MODERN, device, NULL, NULL, unit);
}

int spd_unit_create_lent(const char *device_name, const spd_params *params,
    enum scsi_profile profile, const spd_device *device, void *native, spd_unit **unit)
{
    return create(device_name, params, profile, device, &spd_executor_lent, native, unit);
}

int spd_unit_add_door(spd_unit *unit, const char *device_name)
{
    spd_unit_check(unit, __func__);
    return spd_unit_keep_error(unit, add_door(unit, device_name));
}

static void stop_doors(struct spd_unit *unit, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        unit->doors[i]->ops->stop(unit->doors[i]);
}

/* The doors take no more commands. Everything that was accepted ends here; then the device flushes
 * its data. */
static int tear_down(struct spd_unit *unit, uint32_t doors)
{
    int error = 0;

    if (unit->executor->leave)
        unit->executor->leave(unit);
    for (uint32_t i = 0; i < doors; i++)
        unit->doors[i]->ops->join(unit->doors[i]);
    /* A device's thread may still be on its way out of the last spd_request_complete(). */
    while (atomic_load(&unit->completing))
        os_yield();
    if (unit->executor->stop)
        unit->executor->stop(unit);
    if (unit->params.flags & SPD_CACHE && !(unit->params.flags & SPD_WRITE_PROTECTED))
        error = spd_device_flush_all(unit);
    if (unit->executor->end)
        unit->executor->end(unit);
    return error;
}

/* Not within the lock: it may shut the unit down. */
static void tell_stop(struct spd_unit *unit)
{
    struct spd_unit *outer = spd_enter_device(unit);

    if (unit->ops.stop)
        unit->ops.stop(&unit->device);
    spd_in_device = outer;
}

static void set_state(struct spd_unit *unit, enum spd_unit_state state) OS_REQUIRES(unit->lock)
{
    unit->state = state;
    os_cond_broadcast(&unit->changed);
}

/* Returns requests that waited for threads and will not be taken, to be aborted. */
static struct spd_request *begin_stop(struct spd_unit *unit) OS_REQUIRES(unit->lock)
{
    stop_doors(unit, unit->door_count);
    set_state(unit, SPD_UNIT_STOPPING);
    return unit->executor->close ? unit->executor->close(unit) : NULL;
}

/* *started: the number of started doors; on failure they have to be stopped. */
static int start_all(struct spd_unit *unit, uint32_t threads, uint32_t *started)
{
    int error = unit->executor->start ? unit->executor->start(unit, threads) : 0;

    while (!error && *started < unit->door_count) {
        error = unit->doors[*started]->ops->start(unit->doors[*started]);
        if (!error)
            ++*started;
    }
    return error;
}

/* The thread that waits is another than the one that met the error. */
static void record(spd_unit *unit, int error) OS_REQUIRES(unit->lock)
{
    if (error)
        spd_unit_keep_locked(unit, error);
    if (!error || unit->error)
        return;
    unit->error = error;
    unit->system_error = spd_error_system();
    unit->detail = strdup(spd_error_detail());
}

int spd_unit_start(spd_unit *unit, uint32_t threads)
{
    struct spd_request *waiting = NULL;
    uint32_t started = 0;
    bool stops = false;
    int error;

    spd_unit_check(unit, __func__);
    if (threads > SPD_THREADS_MAX)
        return spd_unit_keep_error(
            unit, spd_fail(SPD_ERROR_THREADS, "%u threads were asked for", threads));
    os_mutex_lock(&unit->lock);
    if (unit->state != SPD_UNIT_CREATED) {
        os_mutex_unlock(&unit->lock);
        return spd_unit_keep_error(unit, spd_fail(SPD_ERROR_STATE, "a unit is started once"));
    }
    set_state(unit, SPD_UNIT_STARTING);
    unit->started = true;
    os_mutex_unlock(&unit->lock);

    spd_watch_add(unit);
    spd_log_begin();
    error = start_all(unit, threads, &started);
    if (error) {
        stop_doors(unit, started);
        tell_stop(unit);
        tear_down(unit, started);
    }
    atomic_fetch_add(&unit->completing, 1);
    os_mutex_lock(&unit->lock);
    if (error) {
        record(unit, error);
        set_state(unit, SPD_UNIT_STOPPED);
    } else if (unit->shutdown_wanted) {
        stops = true;
        waiting = begin_stop(unit);
    } else {
        set_state(unit, SPD_UNIT_RUNNING);
        if (unit->resize_wanted)
            spd_unit_tell_resized(unit);
    }
    os_mutex_unlock(&unit->lock);
    if (stops)
        tell_stop(unit);
    spd_requests_abort(waiting);
    atomic_fetch_sub(&unit->completing, 1);
    if (!error)
        spd_tell_left_sockets();
    return error;
}

static void shut_down(struct spd_unit *unit)
{
    struct spd_request *waiting = NULL;
    bool stops = false;

    /* Waiting requests are the library's until they are aborted: the unit stays as long. */
    atomic_fetch_add(&unit->completing, 1);
    os_mutex_lock(&unit->lock);
    if (unit->state == SPD_UNIT_CREATED) {
        stop_doors(unit, unit->door_count);
        set_state(unit, SPD_UNIT_STOPPED);
    } else if (unit->state == SPD_UNIT_STARTING) {
        unit->shutdown_wanted = true;
    } else if (unit->state == SPD_UNIT_RUNNING) {
        stops = true;
        waiting = begin_stop(unit);
    }
    os_mutex_unlock(&unit->lock);
    if (stops)
        tell_stop(unit);
    spd_requests_abort(waiting);
    atomic_fetch_sub(&unit->completing, 1);
}

void spd_unit_shutdown(spd_unit *unit)
{
    spd_unit_check(unit, __func__);
    shut_down(unit);
}

void spd_unit_fail(struct spd_unit *unit, int error)
{
    os_mutex_lock(&unit->lock);
    record(unit, error);
    os_mutex_unlock(&unit->lock);
    shut_down(unit);
}

static void stop_all(void *argument)
{
    struct spd_unit *unit = argument;
    int error = tear_down(unit, unit->door_count);

    os_mutex_lock(&unit->lock);
    record(unit, error);
    set_state(unit, SPD_UNIT_STOPPED);
    os_mutex_unlock(&unit->lock);
}

/* True: it was shut down. */
static bool wait_shutdown(spd_unit *unit) OS_TRY_ACQUIRE(unit->lock)
{
    os_mutex_lock(&unit->lock);
    if (unit->state == SPD_UNIT_CREATED) {
        os_mutex_unlock(&unit->lock);
        spd_fail(SPD_ERROR_STATE, "the unit was not started");
        return false;
    }
    unit->waiting++;
    while (unit->state == SPD_UNIT_STARTING || unit->state == SPD_UNIT_RUNNING)
        os_cond_wait(&unit->changed, &unit->lock);
    return true;
}

static void end_wait(spd_unit *unit) OS_RELEASE(unit->lock)
{
    unit->waiting--;
    os_mutex_unlock(&unit->lock);
}

/* It has stopped. */
static int judge(spd_unit *unit) OS_RELEASE(unit->lock)
{
    int error = unit->error;

    end_wait(unit);
    if (!error)
        return 0;
    return spd_fail_system(error, unit->system_error, "%s", unit->detail ? unit->detail : "");
}

static int wait_for_end(spd_unit *unit)
{
    if (!wait_shutdown(unit))
        return SPD_ERROR_STATE;
    /* The first thread here joins the others; it is never one of them. */
    if (unit->state == SPD_UNIT_STOPPING) {
        set_state(unit, SPD_UNIT_JOINING);
        os_mutex_unlock(&unit->lock);
        stop_all(unit);
        os_mutex_lock(&unit->lock);
    }
    while (unit->state != SPD_UNIT_STOPPED)
        os_cond_wait(&unit->changed, &unit->lock);
    return judge(unit);
}

int spd_unit_wait(spd_unit *unit)
{
    spd_unit_check_outside(unit, __func__);
    return wait_for_end(unit);
}

static int hangs(spd_unit *unit)
{
    uint64_t flushing = atomic_load(&unit->flushing);
    char text[SPD_HELD_TEXT_MAX];

    if (flushing)
        snprintf(text, sizeof text, "the last flush, %llu s",
            (unsigned long long)(os_now_ns() - flushing) / 1000000000u);
    else
        spd_device_list_held(unit, text, sizeof text);
    return spd_fail(SPD_ERROR_HANGS, "%s", *text ? text : "a door still has commands");
}

int spd_unit_wait_for(spd_unit *unit, uint32_t seconds)
{
    uint64_t now, end;
    int error = 0;

    spd_unit_check_outside(unit, __func__);
    if (!wait_shutdown(unit))
        return SPD_ERROR_STATE;
    if (unit->state == SPD_UNIT_STOPPING) {
        error = os_thread_create(&unit->stopper, "spd-stop", stop_all, unit);
        unit->has_stopper = !error;
        if (!error)
            set_state(unit, SPD_UNIT_JOINING);
    }
    end = os_now_ns() + seconds * UINT64_C(1000000000);
    while (!error && unit->state != SPD_UNIT_STOPPED && (now = os_now_ns()) < end)
        os_cond_wait_ms(&unit->changed, &unit->lock, (uint32_t)((end - now) / 1000000 + 1));
    if (unit->state == SPD_UNIT_STOPPED)
        return judge(unit);
    end_wait(unit);
    if (error)
        return spd_fail(SPD_ERROR_THREADS, "to stop the unit: %s", strerror(error));
    return hangs(unit);
}

void spd_unit_delete(spd_unit *unit)
{
    bool started;

    if (!unit)
        return;
    spd_unit_check_deletion(unit, __func__);
    started = unit->started;
    spd_unit_forget_signal(unit);
    shut_down(unit);
    wait_for_end(unit);
    spd_watch_remove(unit);
    free_unit(unit);
    if (started)
        spd_log_end();
}
