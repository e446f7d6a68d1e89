/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A mailbox whose event is a socket: no wake may be lost, however many threads post at once. */

#include <stdatomic.h>
#include <stdio.h>

#include "lib/door.h"
#include "lib/mailbox.h"
#include "os/net.h"

enum {
    THREADS = 4,
    POSTS = 1000,        /* of each thread, one at a time */
    PATIENCE_MS = 120000, /* for what takes no time */
};

static struct spd_mailbox mailbox;
static struct spd_request requests[THREADS];
static atomic_bool taken[THREADS];
static atomic_bool failed;

static void post(void *argument)
{
    struct spd_request *request = argument;
    atomic_bool *mine = &taken[request - requests];

    for (int i = 0; i < POSTS && !atomic_load(&failed); i++) {
        atomic_store(mine, false);
        spd_mailbox_post(&mailbox, request);
        while (!atomic_load(mine) && !atomic_load(&failed))
            os_yield();
    }
}

/* How many posts arrived before there was silence. */
static int receive(struct os_poller *poller)
{
    os_poll_event event;
    int count = 0;

    while (count < THREADS * POSTS) {
        if (os_poller_wait(poller, &event, 1, PATIENCE_MS) == 0)
            break;
        for (struct spd_request *r = spd_mailbox_take(&mailbox), *next; r; r = next) {
            next = r->next;
            count++;
            atomic_store(&taken[r - requests], true);
        }
    }
    atomic_store(&failed, count < THREADS * POSTS);
    return count;
}

int main(void)
{
    struct os_poller poller;
    os_thread threads[THREADS];
    int count;

    if (spd_mailbox_open(&mailbox) != 0 || os_poller_open(&poller) != 0 ||
        os_poller_add(&poller, (os_socket)mailbox.event, OS_POLL_IN, NULL) != 0)
        return 1;
    for (int i = 0; i < THREADS; i++)
        if (os_thread_create(&threads[i], "post", post, &requests[i]) != 0)
            return 1;
    count = receive(&poller);
    for (int i = 0; i < THREADS; i++)
        os_thread_join(threads[i]);
    printf("%d of %d\n", count, THREADS * POSTS);
    os_poller_free(&poller);
    spd_mailbox_close(&mailbox);
    return count != THREADS * POSTS;
}
