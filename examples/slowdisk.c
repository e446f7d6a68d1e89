/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A disk that answers after 5 ms, or so many as the second argument says, however many requests are
 * on their way, and has a bad block. An aborted request ends at once. */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spd/spd.h>

enum { BLOCK = 4096, BLOCKS = 4096, BAD_BLOCK = 4000 };

static char memory[BLOCKS][BLOCK];
static long delay_ms = 5;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static spd_request *arrived, *due; /* lists of requests, linked by their contexts */
static bool stopping;

/* The door's thread: note the request and return at once. */
static void slow_submit(spd_device *device, spd_request *request)
{
    pthread_mutex_lock(&lock);
    spd_request_set_context(request, arrived);
    arrived = request;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static bool take(spd_request **list, spd_request *request)
{
    spd_request *before = NULL, *each = *list;

    while (each && each != request) {
        before = each;
        each = spd_request_context(each);
    }
    if (each && before)
        spd_request_set_context(before, spd_request_context(each));
    else if (each)
        *list = spd_request_context(each);
    return each;
}

/* Nobody waits for the answer any more. The worker may be at it, and ends it then. */
static void slow_abort(spd_device *device, spd_request *request)
{
    bool found;

    pthread_mutex_lock(&lock);
    found = take(&arrived, request) || take(&due, request);
    pthread_mutex_unlock(&lock);
    if (found)
        spd_request_complete(request, NULL);
}

static void transfer(spd_request *request)
{
    uint32_t count;
    const spd_vec *pieces = spd_request_data(request, &count);
    char *at = memory[spd_request_lba(request)];
    size_t length = (size_t)spd_request_blocks(request) * BLOCK;

    if (spd_request_operation(request) == SPD_READ)
        spd_vec_put(pieces, count, 0, at, length);
    else
        spd_vec_get(pieces, count, 0, at, length);
}

/* Does the work and ends the request: after this call it is no longer ours. */
static void finish(spd_request *request)
{
    const uint64_t bad = BAD_BLOCK;
    spd_status status = {0};
    uint64_t lba = spd_request_lba(request);

    if (spd_request_operation(request) == SPD_READ || spd_request_operation(request) == SPD_WRITE) {
        if (lba <= bad && bad < lba + spd_request_blocks(request))
            spd_status_set(
                &status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, &bad);
        else
            transfer(request);
    }
    spd_request_complete(request, &status);
}

static void wait_delay(void)
{
    struct timespec end;

    timespec_get(&end, TIME_UTC);
    end.tv_sec += delay_ms / 1000;
    end.tv_nsec += delay_ms % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    while (!stopping && pthread_cond_timedwait(&changed, &lock, &end) != ETIMEDOUT)
        ;
}

/* After each delay, ends all that arrived before it. */
static void *worker(void *unused)
{
    pthread_mutex_lock(&lock);
    while (!stopping) {
        spd_request *request;

        while (!arrived && !stopping)
            pthread_cond_wait(&changed, &lock);
        due = arrived;
        arrived = NULL;
        wait_delay();
        while ((request = due)) {
            due = spd_request_context(request);
            pthread_mutex_unlock(&lock);
            finish(request);
            pthread_mutex_lock(&lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static const spd_ops ops = {sizeof ops, .submit = slow_submit, .abort = slow_abort};

static int serve(const char *name)
{
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit = NULL;
    int error;

    params.block_length = BLOCK;
    params.block_count = BLOCKS;
    params.flags = 0;
    error = spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit);
    if (!error && !(error = spd_unit_shutdown_on_signal(unit)) &&
        !(error = spd_unit_start(unit, 0))) {
        printf("serving %s\n", spd_unit_door_uri(unit, 0));
        fflush(stdout);
        error = spd_unit_wait(unit);
    }
    if (error)
        fprintf(stderr, "%s: %s %s\n", name, spd_strerror(error), spd_error_detail());
    spd_unit_delete(unit);
    return error;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int error;

    if (argc > 2)
        delay_ms = strtol(argv[2], NULL, 10);
    if (pthread_create(&thread, NULL, worker, NULL) != 0)
        return 1;
    error = serve(argc > 1 ? argv[1] : "iscsi://127.0.0.1:0/iqn.2026-01.org.example:slow");
    pthread_mutex_lock(&lock);
    stopping = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    return error != 0;
}
