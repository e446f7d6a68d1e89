/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/mailbox.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/door.h"
#include "os/os.h"

int spd_mailbox_open(struct spd_mailbox *mailbox)
{
    int error = os_event_open(&mailbox->event);

    if (error) {
        errno = error;
        return spd_fail(SPD_ERROR_SYSTEM, "opening an event: %s", strerror(error));
    }
    atomic_init(&mailbox->head, NULL);
    return 0;
}

void spd_mailbox_close(struct spd_mailbox *mailbox)
{
    os_event_close(mailbox->event);
}

void spd_mailbox_post_list(
    struct spd_mailbox *mailbox, struct spd_request *newest, struct spd_request *oldest)
{
    struct spd_request *head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    int event = mailbox->event; /* once it is pushed, the loop may finish and close the mailbox */

    do
        oldest->next = head;
    while (!atomic_compare_exchange_weak_explicit(
        &mailbox->head, &head, newest, memory_order_release, memory_order_relaxed));
    if (!head)
        os_event_signal(event);
}

void spd_mailbox_post(struct spd_mailbox *mailbox, struct spd_request *request)
{
    spd_mailbox_post_list(mailbox, request, request);
}

void spd_mailbox_wake(struct spd_mailbox *mailbox)
{
    os_event_signal(mailbox->event);
}

struct spd_request *spd_mailbox_take(struct spd_mailbox *mailbox)
{
    struct spd_request *newest, *oldest = NULL;

    /* The event comes first: a later post signals again. */
    os_event_clear(mailbox->event);
    newest = atomic_exchange_explicit(&mailbox->head, NULL, memory_order_acquire);
    while (newest) {
        struct spd_request *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}
