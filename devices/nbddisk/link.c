/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "link.h"
#include "link_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { BURST = 64 }; /* answers that are read before others have their turn */

/* Requests that wait are sent, in their order. A change for which the journal has no room lets
 * others pass, but no change: the long ones would wait for ever. */

static void send_job(struct link *link, struct job *job)
{
    if (job->list)
        job_remove(job);
    job_append(&link->sent, job);
    if (link->sent.count == 1)
        link->quiet = 0;
    job->seals = job->flushes && journal_seal(&link->journal);
    job->covers = job->flushes ? atomic_load(&link->disk->order.given) : 0;
    job_send(job, link->handle, &link->facts, &link->finished);
}

static bool has_room(struct link *link, struct job *job)
{
    size_t need;

    if (job->reserved || !job_needs_journal(job, &link->facts))
        return true;
    need = job_journal_need(job);
    if (!journal_reserve(&link->journal, need))
        return false;
    job->reserved = need;
    return true;
}

static void fail_job(struct link *link, struct job *job, int error)
{
    job_remove(job);
    job->error = error;
    job_append(&link->finished, job);
}

static void try_flush(struct link *link, struct job *job)
{
    int failed = atomic_load(&link->disk->flush_error);

    if (failed)
        fail_job(link, job, failed);
    else
        send_job(link, job);
}

/* Returns whether changes wait for room. */
static bool send_waiting(struct link *link)
{
    bool full = false;

    for (struct job *job = link->waiting.first, *next; job; job = next) {
        bool changes = job_is_write(job);

        next = job->next;
        if (job->flushes) {
            try_flush(link, job);
            continue;
        }
        if (changes && !full)
            full = !has_room(link, job);
        if (!changes || !full)
            send_job(link, job);
    }
    return full;
}

static void flush_journal(struct link *link, bool full)
{
    if (link->own.list || !(full || journal_wants_flush(&link->journal)) ||
        link->journal.sealing || journal_is_empty(&link->journal))
        return;
    job_init(&link->own, NULL, link->disk->block_length);
    send_job(link, &link->own);
}

/* Requests that are finished. */

static void end_own_flush(struct link *link)
{
    char line[128];
    int none = 0;

    if (!link->own.error ||
        !atomic_compare_exchange_strong(&link->disk->flush_error, &none, link->own.error))
        return;
    snprintf(line, sizeof line,
        "the server failed a flush (%s): every later flush of the disk fails as well",
        strerror(link->own.error));
    spd_log_line(0, line);
}

/* A durable change matters while any change is not: that one may be made again, and may be of the
 * same blocks. */
static void add_to_journal(struct link *link, struct job *job)
{
    struct order *order = &link->disk->order;

    journal_release(&link->journal, job->reserved);
    if (job->error)
        return;
    if (!job_is_volatile(job, &link->facts) && !atomic_load(&order->undurable))
        return;
    job_journal_add(job, &link->journal, order_next(order));
    link_account(link);
}

static void end_request(struct link *link, struct job *job)
{
    spd_status status;

    if (job->reserved)
        add_to_journal(link, job);
    job_status(job, &status);
    job_end(job);
    spd_request_complete(job->request, &status);
}

/* The server is about to end. It has not done the command. */
static bool is_shutdown(const struct job *job)
{
    return job->error == ESHUTDOWN;
}

static void end_flush(struct link *link, struct job *job)
{
    if (job->seals)
        journal_unseal(&link->journal);
    job->seals = false;
    if (!job->flushes || job->error)
        return;
    order_cover(&link->disk->order, job->covers);
    link_account(link);
}

void link_end_finished(struct link *link, bool dead)
{
    struct job_list again = { 0 };
    struct job *job;
    bool shutdown = false;

    while ((job = link->finished.first)) {
        job_remove(job);
        link->quiet = 0;
        link->answered |= !job->error;
        end_flush(link, job);
        shutdown |= is_shutdown(job);
        if (job->error && job->request && (dead || is_shutdown(job))) {
            job_rewind(job);
            job_append(&again, job);
        } else if (!job->request) {
            if (!dead && !is_shutdown(job))
                end_own_flush(link);
        } else if (!dead && job_goes_on(job, &link->facts)) {
            send_job(link, job);
        } else {
            end_request(link, job);
        }
    }
    job_prepend_all(&link->waiting, &again);
    if (shutdown && link->handle)
        link_lose(link, "it shuts down");
}

static void end_aborted(struct link *link)
{
    for (struct job *job = link->waiting.first, *next; job; job = next) {
        next = job->next;
        if (spd_request_is_aborted(job->request))
            fail_job(link, job, ECANCELED);
    }
}

/* The connection. */

static void watch(struct link *link)
{
    unsigned direction = nbd_aio_get_direction(link->handle);
    struct epoll_event event = {
        .events = (direction & LIBNBD_AIO_DIRECTION_READ ? EPOLLIN : 0) |
            (direction & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT : 0),
        .data.fd = nbd_aio_get_fd(link->handle),
    };

    /* While it connects it may take another descriptor, of the same number. */
    if (link->state != LINK_CONNECTING && event.events == link->mask && event.data.fd == link->fd)
        return;
    if (epoll_ctl(link->epoll, EPOLL_CTL_MOD, event.data.fd, &event) && errno == ENOENT)
        epoll_ctl(link->epoll, EPOLL_CTL_ADD, event.data.fd, &event);
    link->fd = event.data.fd;
    link->mask = event.events;
}

static void notify(struct link *link, uint32_t events)
{
    unsigned direction = nbd_aio_get_direction(link->handle);
    uint32_t before;
    int failed = 0;

    if (direction & LIBNBD_AIO_DIRECTION_READ && events & ~(uint32_t)EPOLLOUT) {
        do {
            before = link->finished.count;
            failed = nbd_aio_notify_read(link->handle);
        } while (!failed && link->finished.count != before && link->finished.count < BURST &&
            link->sent.count && nbd_aio_get_direction(link->handle) == LIBNBD_AIO_DIRECTION_READ);
    } else if (direction & LIBNBD_AIO_DIRECTION_WRITE) {
        failed = nbd_aio_notify_write(link->handle);
    }
    if (failed)
        snprintf(link->why, sizeof link->why, "%s", nbd_get_error() ? nbd_get_error() : "");
}

static bool is_gone(const struct link *link)
{
    return link->handle && (nbd_aio_is_dead(link->handle) > 0 ||
        nbd_aio_is_closed(link->handle) > 0);
}

static void lose_gone(struct link *link)
{
    const char *error = nbd_get_error();

    if (nbd_aio_is_closed(link->handle) > 0)
        link_lose(link, "the server closed it");
    else
        link_lose(link, *link->why || !error ? link->why : error);
}

/* All that can be done now. */

static void step(struct link *link)
{
    bool full = false;

    if (is_gone(link))
        lose_gone(link);
    link_end_finished(link, false);
    link_account(link);
    if (link->state == LINK_UP && link_has_to_stop(link))
        link_drain(link);
    if (link->state != LINK_UP)
        link_reconnect(link);
    if (link->state == LINK_UP) {
        full = send_waiting(link);
        flush_journal(link, full);
        if (full && link->waiting.first)
            send_waiting(link);
    }
    if (link->state != LINK_UP)
        end_aborted(link);
    if (link->finished.first || is_gone(link))
        link->again = true;
}

/* A completed request may bring the next one at once. */
static void pump(struct link *link)
{
    if (link->pumping) {
        link->again = true;
        return;
    }
    link->pumping = true;
    do {
        link->again = false;
        step(link);
    } while (link->again);
    link->pumping = false;
    if (link->handle)
        watch(link);
    link_set_timer(link);
}

/* Work that comes from other threads. */

static void take_foreign(struct link *link)
{
    struct job *job, *next, *ordered = NULL;

    pthread_mutex_lock(&link->lock);
    job = link->foreign;
    link->foreign = NULL;
    pthread_mutex_unlock(&link->lock);
    for (; job; job = next) {
        next = job->next;
        job->next = ordered;
        ordered = job;
    }
    for (job = ordered; job; job = next) {
        next = job->next;
        job_append(&link->waiting, job);
    }
}

static void give(struct link *link, struct job *job)
{
    pthread_mutex_lock(&link->lock);
    job->next = link->foreign;
    link->foreign = job;
    pthread_mutex_unlock(&link->lock);
}

void disk_wake(struct disk *disk, uint32_t index)
{
    uint64_t one = 1;
    int event = atomic_load(&disk->events[index]);
    ssize_t written = event ? write(event, &one, sizeof one) : 0;

    (void)written; /* the counter is full, so that the link wakes */
}

void disk_close(struct disk *disk)
{
    for (uint32_t i = 0; i < SPD_QUEUES_MAX; i++)
        if (disk->events[i])
            close(disk->events[i]);
    nbd_close(disk->first);
}

void link_submit(struct link *link, spd_request *const *requests, uint32_t count)
{
    bool here = pthread_equal(pthread_self(), link->thread);

    for (uint32_t i = 0; i < count; i++) {
        struct job *job = spd_request_area(requests[i]);

        job_init(job, requests[i], link->disk->block_length);
        if (here)
            job_append(&link->waiting, job);
        else
            give(link, job);
    }
    if (here)
        pump(link);
    else
        disk_wake(link->disk, link->index);
}

void link_poll(struct link *link)
{
    struct epoll_event events[4];
    int count = epoll_wait(link->epoll, events, 4, 0);
    uint64_t number;

    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;

        if (fd == link->fd && link->handle)
            notify(link, events[i].events);
        else if (read(fd, &number, sizeof number) != sizeof number)
            continue;
        else if (fd == link->timer)
            link->ticked = true, link_tick(link);
        else
            take_foreign(link), end_aborted(link);
    }
    pump(link);
    link->ticked = false;
}

/* Life. */

static bool add(struct link *link, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return fd >= 0 && epoll_ctl(link->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int link_begin(struct link *link, struct disk *disk, spd_queue *queue)
{
    int error, event;

    link->disk = disk;
    link->index = spd_queue_index(queue);
    link->thread = pthread_self();
    link->fd = -1;
    pthread_mutex_init(&link->lock, NULL);
    link->epoll = epoll_create1(EPOLL_CLOEXEC);
    link->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&disk->events[link->index], event > 0 ? event : 0);
    if (link->epoll < 0 || !add(link, event) || !add(link, link->timer) ||
        !journal_open(&link->journal, disk->journal)) {
        error = errno ? -errno : -ENOMEM;
        link_end(link);
        return error;
    }
    link->epoch = atomic_load(&disk->order.epoch);
    link->owed = ORDER_NOTHING;
    order_tell(&disk->order, link->index, link->epoch, link->owed);
    link->lost_at = link_now();
    if (link->index == 0) {
        link->handle = disk->first;
        disk->first = NULL;
        link->state = LINK_CONNECTING;
        link->try_at = link_now();
    }
    error = spd_queue_watch(queue, link->epoll);
    if (error)
        link_end(link);
    else
        pump(link);
    return error;
}

void link_end(struct link *link)
{
    if (link->handle && link->state == LINK_UP)
        nbd_aio_disconnect(link->handle, 0);
    nbd_close(link->handle);
    link->handle = NULL;
    order_leave(&link->disk->order, link->index);
    journal_close(&link->journal);
    if (link->epoll >= 0)
        close(link->epoll);
    if (link->timer >= 0)
        close(link->timer);
    pthread_mutex_destroy(&link->lock);
}
