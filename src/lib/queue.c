/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A queue of requests, from which the threads of the program take. It is an asynchronous device
 * with its submit here: no thread of the library calls the program.
 */

#include <stdlib.h>

#include "lib/unit.h"

struct spd_queue {
    os_mutex lock;
    os_cond changed;
    spd_request *first;
    spd_request **last; /* where the next one goes */
    uint32_t takers;    /* threads within spd_queue_take() */
    bool ended;
};

int spd_queue_create(spd_queue **queue)
{
    SPD_NEEDS(queue);
    *queue = calloc(1, sizeof **queue);
    if (!*queue)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a queue of requests");
    os_mutex_init(&(*queue)->lock);
    os_cond_init(&(*queue)->changed);
    (*queue)->last = &(*queue)->first;
    return 0;
}

void spd_queue_submit(spd_device *device, spd_request *request)
{
    spd_queue *queue;

    SPD_NEEDS(device);
    queue = device->context;
    SPD_NEEDS(queue);
    SPD_NEEDS(request);
    os_mutex_lock(&queue->lock);
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
    os_cond_signal(&queue->changed);
    os_mutex_unlock(&queue->lock);
}

spd_request *spd_queue_take(spd_queue *queue)
{
    spd_request *request;

    SPD_NEEDS(queue);
    os_mutex_lock(&queue->lock);
    queue->takers++;
    while (!queue->first && !queue->ended)
        os_cond_wait(&queue->changed, &queue->lock);
    request = queue->first;
    if (request) {
        queue->first = request->next;
        if (!queue->first)
            queue->last = &queue->first;
    }
    queue->takers--;
    if (queue->ended)
        os_cond_broadcast(&queue->changed);
    os_mutex_unlock(&queue->lock);
    return request;
}

void spd_queue_end(spd_queue *queue)
{
    SPD_NEEDS(queue);
    os_mutex_lock(&queue->lock);
    queue->ended = true;
    os_cond_broadcast(&queue->changed);
    os_mutex_unlock(&queue->lock);
}

void spd_queue_delete(spd_queue *queue)
{
    if (!queue)
        return;
    spd_queue_end(queue);
    os_mutex_lock(&queue->lock);
    while (queue->takers)
        os_cond_wait(&queue->changed, &queue->lock);
    os_mutex_unlock(&queue->lock);
    os_cond_destroy(&queue->changed);
    os_mutex_destroy(&queue->lock);
    free(queue);
}
