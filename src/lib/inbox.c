/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An inbox of requests, from which the threads of the program take. It is an asynchronous device
 * with its submit here: no thread of the library calls the program.
 */

#include <stdlib.h>

#include "lib/unit.h"

struct spd_inbox {
    os_mutex lock;
    os_cond changed;
    spd_request *first;
    spd_request **last; /* where the next one goes */
    uint32_t takers;    /* threads within spd_inbox_take() */
    bool ended;
};

int spd_inbox_create(spd_inbox **inbox)
{
    SPD_NEEDS(inbox);
    *inbox = calloc(1, sizeof **inbox);
    if (!*inbox)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for an inbox of requests");
    os_mutex_init(&(*inbox)->lock);
    os_cond_init(&(*inbox)->changed);
    (*inbox)->last = &(*inbox)->first;
    return 0;
}

void spd_inbox_submit(spd_device *device, spd_request *request)
{
    spd_inbox *inbox;

    SPD_NEEDS(device);
    inbox = device->context;
    SPD_NEEDS(inbox);
    SPD_NEEDS(request);
    os_mutex_lock(&inbox->lock);
    request->next = NULL;
    *inbox->last = request;
    inbox->last = &request->next;
    os_cond_signal(&inbox->changed);
    os_mutex_unlock(&inbox->lock);
}

spd_request *spd_inbox_take(spd_inbox *inbox)
{
    spd_request *request;

    SPD_NEEDS(inbox);
    os_mutex_lock(&inbox->lock);
    inbox->takers++;
    while (!inbox->first && !inbox->ended)
        os_cond_wait(&inbox->changed, &inbox->lock);
    request = inbox->first;
    if (request) {
        inbox->first = request->next;
        if (!inbox->first)
            inbox->last = &inbox->first;
    }
    inbox->takers--;
    if (inbox->ended)
        os_cond_broadcast(&inbox->changed);
    os_mutex_unlock(&inbox->lock);
    return request;
}

void spd_inbox_end(spd_inbox *inbox)
{
    SPD_NEEDS(inbox);
    os_mutex_lock(&inbox->lock);
    inbox->ended = true;
    os_cond_broadcast(&inbox->changed);
    os_mutex_unlock(&inbox->lock);
}

void spd_inbox_delete(spd_inbox *inbox)
{
    if (!inbox)
        return;
    spd_inbox_end(inbox);
    os_mutex_lock(&inbox->lock);
    while (inbox->takers)
        os_cond_wait(&inbox->changed, &inbox->lock);
    os_mutex_unlock(&inbox->lock);
    os_cond_destroy(&inbox->changed);
    os_mutex_destroy(&inbox->lock);
    free(inbox);
}
