/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How a link finds its server again, and gives it the changes of the journal. */

#include "link_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

enum {
    PAUSE_MIN = 100, /* milliseconds between two attempts */
    PAUSE_MAX = 2000,
    ATTEMPT_MAX = 10000, /* milliseconds until the server has agreed on all options */
    PERIOD_UP = 1000,
    PERIOD_DOWN = 100,
    ABORT_MAX = 5000, /* milliseconds for which an aborted request waits for the server */
    BATCH = 32,       /* entries of the journal on their way */
};

int64_t link_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(int level, const struct link *link, const char *what, const char *why)
{
    char line[1024];

    snprintf(line, sizeof line, "connection %" PRIu32 " to %s %s%s%s", link->index,
        link->disk->uri, what, *why ? ": " : "", why);
    spd_log_line(level, line);
}

/* A link tells the others what it owes. */

void link_account(struct link *link)
{
    struct order *order = &link->disk->order;
    uint64_t durable = atomic_load(&order->durable);
    bool undurable;

    if (durable != link->forgotten)
        journal_forget(&link->journal, durable);
    link->forgotten = durable;
    undurable = !journal_is_empty(&link->journal);
    if (undurable != link->undurable)
        atomic_fetch_add(&order->undurable, undurable ? 1 : -1u);
    link->undurable = undurable;
}

static void wake_others(const struct link *link)
{
    for (uint32_t i = 0; i < SPD_QUEUES_MAX; i++)
        if (i != link->index)
            disk_wake(link->disk, i);
}

/* The first entry after this one that a crash can lose. */
static const struct journal_entry *next_after(
    const struct link *link, const struct journal_entry *entry)
{
    do
        entry = journal_next(&link->journal, entry);
    while (entry && entry->sequence <= link->forgotten);
    return entry;
}

static void tell(struct link *link, uint64_t epoch, const struct journal_entry *first)
{
    uint64_t owed = first ? first->sequence : ORDER_NOTHING;

    if (epoch == link->epoch && owed == link->owed)
        return;
    link->epoch = epoch;
    link->owed = owed;
    order_tell(&link->disk->order, link->index, epoch, owed);
    wake_others(link);
}

/* A link without a connection owes all that it has in its journal. */
static void tell_all(struct link *link)
{
    link_account(link);
    tell(link, atomic_load(&link->disk->order.epoch), next_after(link, NULL));
}

bool link_has_to_stop(const struct link *link)
{
    return link->epoch != atomic_load(&link->disk->order.epoch);
}

void link_drain(struct link *link)
{
    link->state = LINK_DRAINING;
    link->lost_at = link_now();
}

/* Down. */

static void drop(struct link *link)
{
    struct job *job;
    struct job_list again = { 0 };

    nbd_close(link->handle);
    link->handle = NULL;
    link->fd = -1;
    link->mask = 0;
    link->state = LINK_DOWN;
    if (link->own.list)
        job_remove(&link->own);
    if (link->journal.sealing)
        journal_unseal(&link->journal);
    while ((job = link->sent.first)) {
        job_remove(job);
        job_rewind(job);
        job_append(&again, job);
    }
    job_prepend_all(&link->waiting, &again);
    link->replaying = 0;
    link->quiet = link->abandoned = 0;
}

static void pause_longer(struct link *link)
{
    int longer = link->pause * 2;

    link->pause = longer < PAUSE_MIN ? PAUSE_MIN : longer < PAUSE_MAX ? longer : PAUSE_MAX;
}

void link_lose(struct link *link, const char *why)
{
    enum link_state state = link->state;
    bool first = state == LINK_UP || state == LINK_DRAINING;
    bool at_once = first && link->answered;
    int64_t now = link_now();

    /* An answer that came before the end counts. */
    link_end_finished(link, true);
    drop(link);
    tell_all(link);
    if (at_once)
        link->pause = PAUSE_MIN;
    link->try_at = now + (at_once ? 0 : link->pause);
    if (!at_once)
        pause_longer(link);
    if (first) {
        link->lost_at = now;
        link->was_lost = true;
        say(1, link, "is lost; requests wait for the next one", why);
    } else if (state == LINK_REPLAYING)
        say(1, link, "failed while changes were made again", why);
    else if (why != link->why)
        snprintf(link->why, sizeof link->why, "%s", why);
}

/* Requests have waited long enough. Attempts go on. */
static void give_up(struct link *link)
{
    struct job *job;

    if (!link->given_up && link->state == LINK_REPLAYING)
        say(0, link, "waits for changes of another one; requests fail until these are made", "");
    else if (!link->given_up)
        say(0, link, "cannot be made; requests fail until it can", link->why);
    link->given_up = true;
    while ((job = link->waiting.first)) {
        job_remove(job);
        job->error = ENOTCONN;
        job_append(&link->finished, job);
    }
}

/* Nothing is left that the last flush could make durable. */
static void end_last_flush(struct link *link)
{
    for (struct job *job = link->waiting.first, *next; job; job = next) {
        next = job->next;
        if (!job->flushes || atomic_load(&link->disk->order.undurable))
            continue;
        job_remove(job);
        job_append(&link->finished, job);
    }
}

/* Connecting. */

static void try_again(struct link *link)
{
    char why[SERVER_WHY_MAX];

    link->handle = server_begin(link->disk->uri, why);
    link->try_at = link_now();
    if (link->handle) {
        link->state = LINK_CONNECTING;
        return;
    }
    snprintf(link->why, sizeof link->why, "%s", why);
    pause_longer(link);
    link->try_at += link->pause;
}

/* Whether initiators can go on with this server. */
static bool is_fit(const struct link *link, char why[SERVER_WHY_MAX])
{
    const struct server_facts *facts = &link->facts;

    if (link->disk->block_length % facts->minimum) {
        snprintf(why, SERVER_WHY_MAX, "it now wants blocks of %" PRIu64 " bytes, and the disk has "
            "%" PRIu32, facts->minimum, link->disk->block_length);
        return false;
    }
    if (facts->maximum && facts->maximum < link->disk->max_transfer) {
        snprintf(why, SERVER_WHY_MAX, "it now takes no more than %" PRIu64 " bytes at a time, and "
            "the disk %" PRIu32, facts->maximum, link->disk->max_transfer);
        return false;
    }
    if (link->disk->connections > 1 && !facts->multi_conn) {
        snprintf(why, SERVER_WHY_MAX, "it now lacks the promise that several connections see each "
            "other's writes");
        return false;
    }
    if (link->disk->facts.unmap_zeros && !facts->unmap_zeros) {
        snprintf(why, SERVER_WHY_MAX, "it now lacks fast zeros, by which the disk unmaps");
        return false;
    }
    if (facts->size < link->disk->block_length) {
        snprintf(why, SERVER_WHY_MAX, "it is shorter than a block");
        return false;
    }
    return true;
}

static void resize(struct link *link)
{
    uint64_t count = link->facts.size / link->disk->block_length;
    spd_unit *unit = atomic_load(&link->disk->unit);
    char line[128];

    if (!unit || atomic_exchange(&link->disk->block_count, count) == count)
        return;
    spd_unit_resize(unit, count);
    snprintf(line, sizeof line, "the server's export has %" PRIu64 " blocks now", count);
    spd_log_line(2, line);
}

/* All that the link may owe is made again from its beginning. */
static void begin_replay(struct link *link)
{
    link->state = LINK_REPLAYING;
    link->replayed = link->batch = NULL;
    link->replay_error = 0;
    tell_all(link);
}

static void establish(struct link *link)
{
    char why[SERVER_WHY_MAX];

    if (!server_ask(link->handle, &link->facts, why) || !is_fit(link, why)) {
        link_lose(link, why);
        return;
    }
    link->facts.unmap_zeros = link->disk->facts.unmap_zeros;
    link->replaying = 0;
    link->quiet = 0;
    link->answered = link->given_up = false;
    order_connected(&link->disk->order);
    begin_replay(link);
}

/* Replaying. */

static int entry_answered(void *context, int *error)
{
    struct link *link = context;

    link->replaying--;
    link->quiet = 0;
    link->answered |= !*error;
    if (!link->replay_error)
        link->replay_error = *error;
    return 1;
}

static bool overlap(const struct journal_entry *one, const struct journal_entry *other)
{
    return one->offset < other->offset + other->length &&
        other->offset < one->offset + one->length;
}

/* Entries of a batch are on their way together, so that they may not overlap. */
static bool fits_batch(const struct link *link, const struct journal_entry *entry)
{
    const struct journal_entry *before = link->batch;

    if (!link->replaying)
        return true;
    if (link->replaying >= BATCH)
        return false;
    for (; before != entry; before = journal_next(&link->journal, before))
        if (overlap(before, entry))
            return false;
    return true;
}

static void go_up(struct link *link)
{
    char text[64];

    link->state = LINK_UP;
    resize(link);
    if (link->was_up && link->was_lost) {
        snprintf(text, sizeof text, "is there again after %" PRId64 " ms",
            link_now() - link->lost_at);
        say(2, link, text, "");
    }
    link->was_up = true;
    link->was_lost = link->given_up = false;
    *link->why = '\0';
}

static void replay(struct link *link)
{
    struct order *order = &link->disk->order;
    const struct journal_entry *entry;
    uint64_t oldest = order_oldest(order, link->index, link->epoch);

    while (!link->replay_error && (entry = next_after(link, link->replayed)) &&
        entry->sequence < oldest && fits_batch(link, entry)) {
        if (!link->replaying)
            link->batch = entry;
        order_begin(order, link->epoch);
        link->replaying++;
        if (job_send_entry(link->handle, entry, &link->facts,
                (nbd_completion_callback){ .callback = entry_answered, .user_data = link }) < 0) {
            link->replaying--;
            link->replay_error = nbd_get_errno() ? nbd_get_errno() : EIO;
        }
        link->replayed = entry;
    }
    if (link->replaying)
        return;
    if (link->replay_error) {
        link_lose(link, strerror(link->replay_error));
        return;
    }
    entry = next_after(link, link->replayed);
    tell(link, link->epoch, entry);
    if (entry) {
        link->again = entry->sequence < oldest;
        return;
    }
    if (oldest != ORDER_NOTHING)
        return;
    order_begin(order, link->epoch);
    go_up(link);
}

/* Another epoch begins for this link when all that it has sent is answered. */
static void follow(struct link *link)
{
    if (!link_has_to_stop(link) || link->sent.count || link->replaying)
        return;
    if (link->state == LINK_DRAINING || link->state == LINK_REPLAYING)
        begin_replay(link);
}

void link_reconnect(struct link *link)
{
    int64_t now = link_now();

    if (link->state == LINK_DOWN && now >= link->try_at)
        try_again(link);
    if (link->state == LINK_CONNECTING && nbd_aio_is_ready(link->handle) > 0)
        establish(link);
    if (link->state == LINK_DOWN || link->state == LINK_CONNECTING)
        tell_all(link);
    follow(link);
    if (link->state == LINK_REPLAYING)
        replay(link);
    if (link->state == LINK_UP)
        return;
    if (atomic_load(&link->disk->stopping))
        end_last_flush(link);
    if (link->given_up || now - link->lost_at >= (int64_t)link->disk->reconnect * 1000)
        give_up(link);
}

/* Time. */

static bool has_aborted(const struct link *link)
{
    for (const struct job *job = link->sent.first; job; job = job->next)
        if (job->request && spd_request_is_aborted(job->request))
            return true;
    return false;
}

void link_tick(struct link *link)
{
    int limit = (int)link->disk->timeout * 1000;

    if (link->state == LINK_CONNECTING && link_now() - link->try_at > ATTEMPT_MAX) {
        link_lose(link, "the server does not agree on options within 10 s");
        return;
    }
    if (!link->sent.count && !link->replaying)
        return;
    link->quiet += link->period;
    link->abandoned = has_aborted(link) ? link->abandoned + link->period : 0;
    if (limit && link->quiet > limit)
        link_lose(link, "the server answers nothing (--timeout)");
    else if (link->abandoned > ABORT_MAX)
        link_lose(link, "the server does not end a command that was aborted");
}

static int wanted_period(const struct link *link)
{
    if (link->state != LINK_UP)
        return PERIOD_DOWN;
    return link->sent.count || link->waiting.count ? PERIOD_UP : 0;
}

/* A timer that runs is left alone until it fires while nothing needs it: under load it is set
 * once. */
void link_set_timer(struct link *link)
{
    int period = wanted_period(link);
    struct itimerspec spec = { 0 };

    if (period == link->period || (!period && !link->ticked))
        return;
    spec.it_value.tv_sec = spec.it_interval.tv_sec = period / 1000;
    spec.it_value.tv_nsec = spec.it_interval.tv_nsec = (long)(period % 1000) * 1000000;
    timerfd_settime(link->timer, 0, &spec, NULL);
    link->period = period;
}
