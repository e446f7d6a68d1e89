/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The queue under threads: posters, servers and a canceller around one mutex. Each request ends
 * exactly once. For the thread sanitizer, mostly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioq/ioq.h"
#include "os/os.h"

enum { POSTERS = 2, SERVERS = 3, SLOTS = 16, EACH = 20000 };

struct item {
    struct ioq_request queued; /* first */
    unsigned value;            /* plain: handed from thread to thread by the queue */
    unsigned ends;
};

struct server {
    struct ioq_server waiter; /* first */
    os_cond wake;
    uint64_t hint;
    struct ioq_request *given;
    unsigned served;
};

static os_mutex lock;
static os_cond room;
static struct ioq queue;
static struct ioq_slot slots[SLOTS];
static struct item items[POSTERS][EACH];
static struct server servers[SERVERS];
static unsigned ended;
static atomic_uint cancelled;

/* The lock is held. */
static void end(struct ioq_request *request)
{
    ((struct item *)request)->ends++;
    ended++;
    os_cond_broadcast(&room);
}

static void poster_main(void *argument)
{
    struct item *mine = argument;

    for (unsigned i = 0; i < EACH; i++) {
        struct ioq_server *woken;
        enum ioq_result result;
        uint64_t hint;

        mine[i].value = i;
        os_mutex_lock(&lock);
        while ((result = ioq_post(&queue, &mine[i].queued, &woken, &hint)) == IOQ_FULL)
            os_cond_wait(&room, &lock);
        if (result == IOQ_MATCHED) {
            struct server *server = (struct server *)woken;

            server->given = &mine[i].queued;
            server->hint = hint;
            os_cond_signal(&server->wake);
        } else if (i % 7 == 0 && ioq_cancel(&queue, &mine[i].queued)) {
            end(&mine[i].queued);
            atomic_fetch_add(&cancelled, 1);
        }
        os_mutex_unlock(&lock);
    }
}

static void server_main(void *argument)
{
    struct server *self = argument;

    os_mutex_lock(&lock);
    for (;;) {
        struct ioq_request *request = ioq_wait(&queue, &self->waiter, &self->hint);

        if (!request) {
            self->given = NULL;
            while (self->waiter.waiting)
                os_cond_wait(&self->wake, &lock);
            request = self->given;
        }
        if (!request)
            break;
        os_mutex_unlock(&lock);
        ((struct item *)request)->value++;
        self->served++;
        os_mutex_lock(&lock);
        assert_ptr_equal(ioq_complete(&queue, self->hint), request);
        end(request);
    }
    os_mutex_unlock(&lock);
}

static void every_request_ends_exactly_once(void **state)
{
    os_thread posters[POSTERS], serving[SERVERS];
    struct ioq_server *waiting;
    unsigned served = 0;

    (void)state;
    os_mutex_init(&lock);
    os_cond_init(&room);
    ioq_init(&queue, slots, SLOTS);
    for (int i = 0; i < SERVERS; i++) {
        os_cond_init(&servers[i].wake);
        assert_int_equal(os_thread_create(&serving[i], "server", server_main, &servers[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(os_thread_create(&posters[i], "poster", poster_main, items[i]), 0);
    for (int i = 0; i < POSTERS; i++)
        os_thread_join(posters[i]);

    os_mutex_lock(&lock);
    while (ended < POSTERS * EACH)
        os_cond_wait(&room, &lock);
    ioq_stop(&queue);
    while ((waiting = ioq_drain_server(&queue)))
        os_cond_signal(&((struct server *)waiting)->wake);
    os_mutex_unlock(&lock);
    for (int i = 0; i < SERVERS; i++) {
        os_thread_join(serving[i]);
        os_cond_destroy(&servers[i].wake);
        served += servers[i].served;
    }
    for (int p = 0; p < POSTERS; p++)
        for (int i = 0; i < EACH; i++)
            assert_int_equal(items[p][i].ends, 1);
    assert_int_equal(served + atomic_load(&cancelled), POSTERS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_request_ends_exactly_once) };

    return cmocka_run_group_tests_name("ioq-stress", tests, NULL, NULL);
}
