/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "test_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The lock is held from here to leave(), save while waiting. */
static struct test_device *enter(spd_device *self, spd_operation operation, uint32_t flags,
    uint64_t lba, uint32_t blocks, const void *buffer) OS_UNCHECKED
{
    struct test_device *device = self->context;

    os_mutex_lock(&device->lock);
    device->calls[operation]++;
    if (device->log_count < TEST_LOG_MAX) {
        device->log[device->log_count].operation = operation;
        device->log[device->log_count++].lba = lba;
    }
    device->flags = flags;
    device->lba = lba;
    device->blocks = blocks;
    device->buffer = buffer;
    device->on_thread = pthread_self();
    device->current = spd_request_current();
    if (flags & SPD_NOWAIT)
        device->nowait_calls++;
    return device;
}

static bool refused(struct test_device *device, uint32_t flags) OS_UNCHECKED
{
    if (!(flags & SPD_NOWAIT) || !device->refuse_nowait)
        return false;
    os_mutex_unlock(&device->lock);
    return true;
}

static int leave(struct test_device *device, spd_status *status) OS_UNCHECKED
{
    int result = device->result;

    if (++device->inside > device->most_inside)
        device->most_inside = device->inside;
    device->held++;
    os_cond_broadcast(&device->changed);
    while (device->hold && !device->passes)
        os_cond_wait(&device->changed, &device->lock);
    device->passes -= device->hold;
    device->held--;
    device->inside--;
    *status = device->status;
    os_mutex_unlock(&device->lock);
    return result;
}

static int test_read(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    struct test_device *device = enter(self, SPD_READ, flags, lba, blocks, buffer);

    if (refused(device, flags))
        return SPD_ERROR_WOULD_BLOCK;
    memcpy(buffer, device->disk[lba], (size_t)blocks * TEST_BLOCK);
    return leave(device, status);
}

static int test_write(spd_device *self, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct test_device *device = enter(self, SPD_WRITE, flags, lba, blocks, buffer);

    if (refused(device, flags))
        return SPD_ERROR_WOULD_BLOCK;
    memcpy(device->disk[lba], buffer, (size_t)blocks * TEST_BLOCK);
    return leave(device, status);
}

static int test_flush(
    spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct test_device *device = enter(self, SPD_FLUSH, flags, lba, blocks, NULL);

    return refused(device, flags) ? SPD_ERROR_WOULD_BLOCK : leave(device, status);
}

static void clear(struct test_device *device, const spd_range *ranges, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        memset(device->disk[ranges[i].lba], 0, (size_t)ranges[i].blocks * TEST_BLOCK);
}

static int test_unmap(
    spd_device *self, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    struct test_device *device = enter(self, SPD_UNMAP, flags, ranges->lba, ranges->blocks, NULL);

    clear(device, ranges, count);
    return leave(device, status);
}

static int test_write_zeroes(
    spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct test_device *device = enter(self, SPD_WRITE_ZEROES, flags, lba, blocks, NULL);

    if (refused(device, flags))
        return SPD_ERROR_WOULD_BLOCK;
    clear(device, &(spd_range){ .lba = lba, .blocks = blocks }, 1);
    return leave(device, status);
}

/* Blocks of zeros have no space. */
static void describe(struct test_device *device, uint64_t lba, spd_extents *extents)
{
    static const unsigned char zeros[TEST_BLOCK];

    while (spd_extents_add(extents, 1,
        memcmp(device->disk[lba], zeros, TEST_BLOCK) ? SPD_MAPPED : SPD_DEALLOCATED))
        lba++;
}

static int test_extents(spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    struct test_device *device = enter(self, SPD_EXTENTS, flags, lba, blocks, NULL);

    if (refused(device, flags))
        return SPD_ERROR_WOULD_BLOCK;
    describe(device, lba, extents);
    return leave(device, status);
}

static int test_prefetch(
    spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct test_device *device = enter(self, SPD_PREFETCH, flags, lba, blocks, NULL);

    return refused(device, flags) ? SPD_ERROR_WOULD_BLOCK : leave(device, status);
}

static void move(struct test_device *device, spd_request *request)
{
    unsigned char *disk = device->disk[spd_request_lba(request)];
    size_t length, moved;
    uint32_t count;
    const spd_vec *data = spd_request_data(request, &count);

    if (spd_request_operation(request) == SPD_UNMAP) {
        const spd_range *ranges = spd_request_ranges(request, &count);

        clear(device, ranges, count);
    }
    if (spd_request_operation(request) == SPD_EXTENTS)
        describe(device, spd_request_lba(request), spd_request_extents(request));
    else
        assert_null(spd_request_extents(request));
    if (spd_request_operation(request) == SPD_WRITE_ZEROES)
        clear(device, &(spd_range){ .lba = spd_request_lba(request),
            .blocks = spd_request_blocks(request) }, 1);
    if (spd_request_operation(request) != SPD_READ && spd_request_operation(request) != SPD_WRITE)
        return;
    device->pieces = count;
    device->data = data;
    length = (size_t)spd_request_blocks(request) * TEST_BLOCK;
    if (spd_request_operation(request) == SPD_READ)
        moved = spd_vec_put(data, count, 0, disk, length);
    else
        moved = spd_vec_get(data, count, 0, disk, length);
    assert_int_equal(moved, length);
}

static void test_submit(spd_device *self, spd_request *request) OS_UNCHECKED
{
    struct test_device *device = enter(self, spd_request_operation(request),
        spd_request_flags(request), spd_request_lba(request), spd_request_blocks(request), NULL);
    spd_status status = device->status;
    bool keep = device->hold || device->use_thread;

    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

    if (!device->stack_top || frame > device->stack_top)
        device->stack_top = frame;
    if (!device->stack_bottom || frame < device->stack_bottom)
        device->stack_bottom = frame;
    assert_null(spd_request_context(request));
    spd_request_set_context(request, device);
    move(device, request);
    if (keep) {
        assert_true(device->kept_count < TEST_HELD_MAX);
        device->kept[device->kept_count++] = request;
        device->held++;
        os_cond_broadcast(&device->changed);
    }
    os_mutex_unlock(&device->lock);
    if (!keep)
        spd_request_complete(request, status.scsi_status ? &status : NULL);
}

static void test_abort(spd_device *self, spd_request *request)
{
    struct test_device *device = self->context;
    void (*hook)(struct test_device *device, spd_request *request);

    if (self->ops->submit)
        assert_ptr_equal(spd_request_context(request), device); /* it has the request */
    os_mutex_lock(&device->lock);
    device->aborts++;
    device->aborted = request;
    hook = device->abort_hook;
    os_cond_broadcast(&device->changed);
    os_mutex_unlock(&device->lock);
    if (hook)
        hook(device, request);
}

static void test_stop(spd_device *self)
{
    struct test_device *device = self->context;

    os_mutex_lock(&device->lock);
    device->stops++;
    os_mutex_unlock(&device->lock);
}

const spd_ops test_simple_ops = {
    .size = sizeof(spd_ops),
    .read = test_read,
    .write = test_write,
    .flush = test_flush,
    .unmap = test_unmap,
    .abort = test_abort,
    .stop = test_stop,
};
const spd_ops test_async_ops = {
    .size = sizeof(spd_ops),
    .submit = test_submit,
    .abort = test_abort,
    .stop = test_stop,
};

const spd_ops test_simple_verbs = {
    .size = sizeof(spd_ops),
    .read = test_read,
    .write = test_write,
    .flush = test_flush,
    .unmap = test_unmap,
    .abort = test_abort,
    .stop = test_stop,
    .write_zeroes = test_write_zeroes,
    .extents = test_extents,
    .prefetch = test_prefetch,
};
const spd_ops test_async_verbs = {
    .size = sizeof(spd_ops),
    .submit = test_submit,
    .abort = test_abort,
    .stop = test_stop,
    .submits = 1 << SPD_WRITE_ZEROES | 1 << SPD_EXTENTS | 1 << SPD_PREFETCH,
};

spd_params test_params(uint32_t flags)
{
    spd_params params = SPD_PARAMS_INIT;

    params.block_count = TEST_BLOCKS;
    params.flags = flags;
    return params;
}

void test_device_init(struct test_device *device)
{
    memset(device, 0, sizeof *device);
    device->disk = calloc(TEST_BLOCKS, TEST_BLOCK);
    os_mutex_init(&device->lock);
    os_cond_init(&device->changed);
}

void test_device_destroy(struct test_device *device)
{
    free(device->disk);
    os_cond_destroy(&device->changed);
    os_mutex_destroy(&device->lock);
}

spd_unit *test_unit_on(const spd_device *top, const spd_params *params, uint32_t threads)
{
    spd_unit *unit;

    assert_int_equal(spd_unit_create("loop:", params, top, &unit), 0);
    assert_int_equal(spd_unit_start(unit, threads), 0);
    return unit;
}

spd_unit *test_unit(
    struct test_device *device, const spd_ops *ops, const spd_params *params, uint32_t threads)
{
    test_device_init(device);
    return test_unit_on(&(spd_device){ ops, device }, params, threads);
}

spd_operation_statistics test_statistics(const spd_unit *unit, spd_operation operation)
{
    spd_operation_statistics statistics = { .size = sizeof statistics };

    assert_int_equal(spd_unit_operation_statistics(unit, operation, &statistics), 0);
    return statistics;
}

void test_unit_end(spd_unit *unit, struct test_device *device)
{
    spd_unit_delete(unit);
    test_device_destroy(device);
}

void test_wait_aborts(struct test_device *device, unsigned count)
{
    os_mutex_lock(&device->lock);
    while (device->aborts < count)
        os_cond_wait(&device->changed, &device->lock);
    os_mutex_unlock(&device->lock);
}

void test_wait_held(struct test_device *device, unsigned count)
{
    os_mutex_lock(&device->lock);
    while (device->held < count)
        os_cond_wait(&device->changed, &device->lock);
    os_mutex_unlock(&device->lock);
}

/* Completes what is kept now; returns whether there was any. */
static bool complete_kept(struct test_device *device) OS_REQUIRES(device->lock)
{
    spd_request *kept[TEST_HELD_MAX];
    spd_status status = device->status;
    unsigned count = device->kept_count;

    if (!count)
        return false; /* and the lock was never let go, or a wake would be lost */
    memcpy(kept, device->kept, sizeof kept);
    device->kept_count = 0;
    device->held -= count;
    os_mutex_unlock(&device->lock);
    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(spd_request_context(kept[i]), device);
        spd_request_complete(kept[i], status.scsi_status ? &status : NULL);
    }
    os_mutex_lock(&device->lock);
    return true;
}

void test_let_go(struct test_device *device)
{
    os_mutex_lock(&device->lock);
    device->hold = false;
    os_cond_broadcast(&device->changed);
    while (complete_kept(device))
        ;
    os_mutex_unlock(&device->lock);
}

void test_let_one_go(struct test_device *device)
{
    os_mutex_lock(&device->lock);
    device->passes++;
    os_cond_signal(&device->changed);
    os_mutex_unlock(&device->lock);
}

static void thread_main(void *argument)
{
    struct test_device *device = argument;

    os_mutex_lock(&device->lock);
    while (!device->ending) {
        if (!complete_kept(device))
            os_cond_wait(&device->changed, &device->lock);
    }
    os_mutex_unlock(&device->lock);
}

void test_thread_start(struct test_device *device)
{
    device->use_thread = true;
    assert_int_equal(os_thread_create(&device->thread, "device", thread_main, device), 0);
}

void test_thread_end(struct test_device *device)
{
    os_mutex_lock(&device->lock);
    device->ending = true;
    os_cond_broadcast(&device->changed);
    os_mutex_unlock(&device->lock);
    os_thread_join(device->thread);
    device->use_thread = false;
}
