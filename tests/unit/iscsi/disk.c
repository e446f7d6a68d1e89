/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct disk *disk = device->context;

    (void)flags;
    atomic_store(&disk->thread, (uintptr_t)pthread_self());
    *status = disk->status;
    memcpy(buffer, disk->memory + lba * BLOCK, (size_t)blocks * BLOCK);
    return 0;
}

static int disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct disk *disk = device->context;

    (void)flags;
    (void)status;
    memcpy(disk->memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    return 0;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    spd_request *requests[64];
    unsigned count;
    unsigned aborted; /* of those that it was ever told of */
} held = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void disk_submit(spd_device *device, spd_request *request)
{
    spd_request_set_context(request, device->context);
    pthread_mutex_lock(&held.lock);
    held.requests[held.count++] = request;
    pthread_cond_broadcast(&held.change);
    pthread_mutex_unlock(&held.lock);
}

static void disk_abort(spd_device *device, spd_request *request)
{
    (void)device;
    pthread_mutex_lock(&held.lock);
    for (unsigned i = 0; i < held.count; i++)
        held.aborted += held.requests[i] == request;
    pthread_cond_broadcast(&held.change);
    pthread_mutex_unlock(&held.lock);
}

unsigned disk_aborted(void)
{
    unsigned aborted;

    pthread_mutex_lock(&held.lock);
    aborted = held.aborted;
    pthread_mutex_unlock(&held.lock);
    return aborted;
}

void disk_wait_aborted(struct disk *disk, unsigned count)
{
    (void)disk;
    pthread_mutex_lock(&held.lock);
    while (held.aborted < count)
        pthread_cond_wait(&held.change, &held.lock);
    pthread_mutex_unlock(&held.lock);
}

void disk_wait_held(struct disk *disk, unsigned count)
{
    (void)disk;
    pthread_mutex_lock(&held.lock);
    while (held.count < count)
        pthread_cond_wait(&held.change, &held.lock);
    pthread_mutex_unlock(&held.lock);
}

static void *release_all(void *context)
{
    struct disk *disk = context;
    spd_request *requests[64];
    unsigned count = 0, others = 0;

    pthread_mutex_lock(&held.lock);
    for (unsigned i = 0; i < held.count; i++)
        if (spd_request_context(held.requests[i]) == disk)
            requests[count++] = held.requests[i];
        else
            held.requests[others++] = held.requests[i];
    held.count = others;
    pthread_mutex_unlock(&held.lock);
    for (unsigned i = 0; i < count; i++) {
        uint32_t vecs;
        uint8_t *at = disk->memory + spd_request_lba(requests[i]) * BLOCK;
        const spd_vec *vec = spd_request_data(requests[i], &vecs);
        size_t length = (size_t)spd_request_blocks(requests[i]) * BLOCK;

        if (spd_request_operation(requests[i]) == SPD_WRITE)
            spd_vec_get(vec, vecs, 0, at, length);
        else
            spd_vec_put(vec, vecs, 0, at, length);
        spd_request_complete(requests[i], NULL);
    }
    return NULL;
}

void disk_release(struct disk *disk)
{
    pthread_t thread;

    assert_int_equal(0, pthread_create(&thread, NULL, release_all, disk));
    pthread_join(thread, NULL);
}

static const spd_ops simple_ops = { .size = sizeof(spd_ops), .read = disk_read,
    .write = disk_write };
static const spd_ops held_ops = { .size = sizeof(spd_ops), .submit = disk_submit,
    .abort = disk_abort };

/* With as many loops as TEST_ISCSI_THREADS says, if the test leaves that open. */
static const char *with_loops(char all[1024], const char *name)
{
    const char *threads = getenv("TEST_ISCSI_THREADS");

    if (!threads || strstr(name, "threads="))
        return name;
    snprintf(all, 1024, "%s%cthreads=%s", name, strchr(name, '?') ? '&' : '?', threads);
    return all;
}

static void make_at(struct disk *disk, const char *name, const char *second, bool hold)
{
    spd_params params = SPD_PARAMS_INIT;
    char all[1024];
    int error;

    name = with_loops(all, name);
    memset(disk, 0, sizeof *disk);
    disk->memory = calloc(BLOCKS, BLOCK);
    disk->hold = hold;
    params.block_count = BLOCKS;
    params.flags = hold ? 0 : SPD_NEVER_BLOCKS;
    params.queue_depth = QUEUE_DEPTH;
    error = spd_unit_create(
        name, &params, &(spd_device){ hold ? &held_ops : &simple_ops, disk }, &disk->unit);
    if (error == 0 && second)
        error = spd_unit_add_door(disk->unit, second);
    if (error != 0)
        fail_msg("%s: %s: %s", name, spd_strerror(error), spd_error_detail());
    assert_int_equal(0, spd_unit_start(disk->unit, 1));
}

static void make(struct disk *disk, const char *authority, const char *query, const char *second,
    bool hold)
{
    char uri[512];

    snprintf(uri, sizeof uri, "iscsi://%s/" TARGET "%s", authority ? authority : "127.0.0.1:0",
        query);
    held.count = held.aborted = 0;
    make_at(disk, uri, second, hold);
}

void disk_open_at(struct disk *disk, const char *name, bool hold)
{
    make_at(disk, name, NULL, hold);
}

void disk_name_beside(char name[512], const struct disk *disk, const char *path)
{
    const char *uri = spd_unit_door_uri(disk->unit, 0);
    int authority = (int)(strchr(uri + strlen("iscsi://"), '/') - uri);

    snprintf(name, 512, "%.*s/%s", authority, uri, path);
}

void disk_open(struct disk *disk, const char *authority, const char *query)
{
    make(disk, authority, query, NULL, false);
}

void disk_open_held(struct disk *disk)
{
    make(disk, NULL, "", NULL, true);
}

void disk_open_doors(struct disk *disk, const char *query, const char *second, bool hold)
{
    make(disk, NULL, query, second, hold);
}

void disk_close(struct disk *disk)
{
    spd_unit_delete(disk->unit);
    free(disk->memory);
}
