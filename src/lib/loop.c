/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/loop.h"

#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "lib/door.h"

enum { EVENTS_MAX = 256 };
static const uint64_t NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000;

/* The loop that runs on this thread. */
static _Thread_local struct spd_loop *here __attribute__((tls_model("initial-exec")));

/* For those who dismiss guests. */
static os_mutex leaving_lock = OS_MUTEX_INIT;
static os_cond has_left = OS_COND_INIT;

struct spd_loop *spd_loop_of_thread(void)
{
    return here;
}

bool spd_loop_here(const struct spd_loop *loop)
{
    return here == loop;
}

static void read_clock(struct spd_loop *loop)
{
    loop->now_ns = os_now_ns();
    loop->now = (uint32_t)(loop->now_ns / NS_PER_SECOND);
}

/* Numbers. */

static _Atomic uint64_t numbers; /* a bit for each that is taken */

static int take_number(void)
{
    uint64_t taken = atomic_load(&numbers);

    while (~taken) {
        int number = __builtin_ctzll(~taken);

        if (atomic_compare_exchange_weak(&numbers, &taken, taken | UINT64_C(1) << number))
            return number + 1;
    }
    return -1;
}

int spd_loop_number(struct spd_loop *loop)
{
    if (!loop->number)
        loop->number = take_number();
    return loop->number < 0 ? -1 : loop->number - 1;
}

static void give_number_back(struct spd_loop *loop)
{
    if (loop->number > 0)
        atomic_fetch_and(&numbers, ~(UINT64_C(1) << (loop->number - 1)));
    loop->number = 0;
}

/* Requests. */

static void take(struct spd_loop *loop, struct spd_request *request)
{
    if (!spd_request_go_on(request))
        loop->ops->mailed(loop, request);
}

static void read_mail(struct spd_loop_socket *watch, uint32_t flags)
{
    struct spd_loop *loop = (struct spd_loop *)(void *)((char *)watch -
        offsetof(struct spd_loop, mail));

    (void)flags;
    for (struct spd_request *r = spd_mailbox_take(&loop->mailbox), *next; r; r = next) {
        next = r->next;
        take(loop, r);
    }
}

static void take_done(struct spd_loop *loop)
{
    while (loop->done) {
        struct spd_request *request = loop->done;

        loop->done = request->next;
        if (!loop->done)
            loop->done_end = &loop->done;
        take(loop, request);
    }
}

void spd_loop_post(struct spd_loop *loop, struct spd_request *request)
{
    if (here)
        spd_outbox_add(&here->outbox, &loop->mailbox, request);
    else
        spd_outbox_post(&loop->mailbox, request);
}

void spd_loop_done(struct spd_loop *loop, struct spd_request *request)
{
    if (!spd_loop_here(loop)) {
        spd_loop_post(loop, request);
        return;
    }
    request->next = NULL;
    *loop->done_end = request;
    loop->done_end = &request->next;
}

void spd_loop_wake(struct spd_loop *loop)
{
    spd_mailbox_wake(&loop->mailbox);
}

/* Sockets. */

int spd_loop_add(struct spd_loop *loop, struct spd_loop_socket *watch, uint32_t flags)
{
    watch->flags = flags;
    return os_poller_add(&loop->poller, watch->socket, flags, watch);
}

int spd_loop_change(struct spd_loop *loop, struct spd_loop_socket *watch, uint32_t flags)
{
    if (watch->flags == flags)
        return 0;
    watch->flags = flags;
    return os_poller_change(&loop->poller, watch->socket, flags, watch);
}

void spd_loop_remove(struct spd_loop *loop, struct spd_loop_socket *watch)
{
    os_poller_remove(&loop->poller, watch->socket);
}

void spd_loop_close_socket(struct spd_loop *loop, struct spd_loop_socket *watch)
{
    os_poller_close(&loop->poller, watch->socket);
    watch->socket = OS_NO_SOCKET;
}

/* Timers. */

void spd_timer_start(struct spd_loop *loop, struct spd_timer *timer, uint32_t milliseconds)
{
    struct spd_timer **at = &loop->timers;

    spd_timer_stop(loop, timer);
    if (!spd_loop_here(loop))
        read_clock(loop);
    timer->due = loop->now_ns + milliseconds * NS_PER_MS + 1;
    while (*at && (*at)->due <= timer->due)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

void spd_timer_stop(struct spd_loop *loop, struct spd_timer *timer)
{
    struct spd_timer **at = &loop->timers;

    if (!spd_timer_is_started(timer))
        return;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    timer->due = 0;
}

/* A timer that is started again by its own end is due after this moment, so in another turn. */
static void fire_timers(struct spd_loop *loop)
{
    while (loop->timers && loop->timers->due <= loop->now_ns) {
        struct spd_timer *timer = loop->timers;

        spd_timer_stop(loop, timer);
        timer->fire(timer);
    }
}

/* Milliseconds that a turn may wait, from the beginning of the last turn: reading the clock costs
 * time. The number is rounded up: a timer that is not quite due would fire in none of the turns
 * until then. */
static int patience(const struct spd_loop *loop, int timeout)
{
    uint64_t now = loop->now_ns, wait;

    if (loop->hurries)
        return 0;
    if (!loop->timers)
        return timeout;
    wait = loop->timers->due <= now ? 0 : (loop->timers->due - now + NS_PER_MS - 1) / NS_PER_MS;
    if (wait > INT_MAX)
        wait = INT_MAX;
    return timeout >= 0 && (uint64_t)timeout < wait ? timeout : (int)wait;
}

/* Guests. */

void spd_loop_host(struct spd_loop *loop, struct spd_guest *guest)
{
    guest->loop = loop;
    guest->next = loop->guests;
    loop->guests = guest;
}

void spd_guest_is_due(struct spd_guest *guest)
{
    if (guest->due)
        return;
    guest->due = true;
    guest->next_due = guest->loop->due;
    guest->loop->due = guest;
}

static void settle_guests(struct spd_loop *loop)
{
    while (loop->due) {
        struct spd_guest *guest = loop->due;

        loop->due = guest->next_due;
        guest->due = false;
        if (!guest->settle(guest) || guest->due)
            continue;
        guest->due = true;
        guest->next_due = loop->due_again;
        loop->due_again = guest;
    }
}

static void begin_guests(struct spd_loop *loop)
{
    loop->due = loop->due_again;
    loop->due_again = NULL;
}

static void let_go(struct spd_guest *guest)
{
    guest->leave(guest);
    os_mutex_lock(&leaving_lock);
    atomic_store(&guest->gone, true);
    os_cond_broadcast(&has_left);
    os_mutex_unlock(&leaving_lock);
}

static void let_guests_go(struct spd_loop *loop, bool all)
{
    struct spd_guest **at = &loop->guests, *guest;

    while ((guest = *at)) {
        if (!all && !atomic_load(&guest->dismissed)) {
            at = &guest->next;
            continue;
        }
        *at = guest->next;
        let_go(guest);
    }
}

void spd_guest_dismiss(struct spd_guest *guest)
{
    struct spd_loop *loop = guest->loop;

    atomic_store(&guest->dismissed, true);
    atomic_store(&loop->dismisses, true);
    spd_loop_wake(loop);
    os_mutex_lock(&leaving_lock);
    while (!atomic_load(&guest->gone))
        os_cond_wait(&has_left, &leaving_lock);
    os_mutex_unlock(&leaving_lock);
}

/* Turns. */

/* Guests first: what they end at once has its answer in the same turn. */
static void settle(struct spd_loop *loop)
{
    do {
        take_done(loop);
        settle_guests(loop);
        take_done(loop);
        loop->hurries = loop->ops->settle(loop);
    } while (loop->done || loop->due);
    loop->hurries |= loop->due_again != NULL;
    if (atomic_load_explicit(&loop->dismisses, memory_order_relaxed)) {
        atomic_store(&loop->dismisses, false);
        let_guests_go(loop, false);
    }
}

static void end(struct spd_loop *loop)
{
    if (loop->outbox.count)
        spd_outbox_send(&loop->outbox);
    here = NULL;
}

static int wait_for_events(struct spd_loop *loop, os_poll_event *events, int timeout)
{
    if (!loop->ops->wait)
        return os_poller_wait(&loop->poller, events, EVENTS_MAX, timeout);
    if (!loop->ops->wait(loop, timeout))
        return 0;
    return os_poller_wait(&loop->poller, events, EVENTS_MAX, 0);
}

void spd_loop_turn(struct spd_loop *loop, int timeout)
{
    os_poll_event events[EVENTS_MAX];
    int count;

    here = loop;
    begin_guests(loop);
    count = wait_for_events(loop, events, patience(loop, timeout));
    loop->turn++;
    read_clock(loop);
    /* The start moves on: the first one might use up its peer's whole part of a turn. */
    for (int i = 0; i < count; i++) {
        const os_poll_event *event = &events[(loop->turn + (uint32_t)i) % (uint32_t)count];
        struct spd_loop_socket *watch = os_poll_data(event);

        watch->ready(watch, os_poll_flags(event));
    }
    fire_timers(loop);
    settle(loop);
    end(loop);
}

bool spd_loop_drain(struct spd_loop *loop)
{
    bool empty;

    here = loop;
    loop->ops->stop(loop);
    settle(loop);
    empty = loop->ops->is_empty(loop);
    if (empty)
        let_guests_go(loop, true);
    end(loop);
    return empty;
}

void spd_loop_run(struct spd_loop *loop)
{
    while (!atomic_load(&loop->stopping) || !spd_loop_drain(loop))
        spd_loop_turn(loop, -1);
}

static void run(void *argument)
{
    spd_loop_run(argument);
}

/* Life. */

int spd_loop_open(struct spd_loop *loop, const struct spd_loop_ops *ops)
{
    int error = spd_mailbox_open(&loop->mailbox);

    if (error != 0)
        return error;
    error = os_poller_open(&loop->poller);
    if (error != 0) {
        spd_mailbox_close(&loop->mailbox);
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for sockets: %s", os_net_text(error));
    }
    loop->opened = true;
    loop->ops = ops;
    loop->done_end = &loop->done;
    loop->mail = (struct spd_loop_socket){ .ready = read_mail,
        .socket = (os_socket)loop->mailbox.event };
    read_clock(loop);
    error = spd_loop_add(loop, &loop->mail, OS_POLL_IN);
    if (error != 0) {
        spd_loop_close(loop);
        return spd_fail(SPD_ERROR_SYSTEM, "waiting for requests: %s", os_net_text(error));
    }
    return 0;
}

void spd_loop_close(struct spd_loop *loop)
{
    if (!loop->opened)
        return;
    os_poller_free(&loop->poller);
    spd_mailbox_close(&loop->mailbox);
    give_number_back(loop);
    loop->opened = false;
}

int spd_loop_start(struct spd_loop *loop, const char *name)
{
    int error;

    atomic_store(&loop->stopping, false);
    error = os_thread_create(&loop->thread, name, run, loop);
    if (error != 0)
        return spd_fail(SPD_ERROR_THREADS, "%s: %s", name, strerror(error));
    loop->started = true;
    return 0;
}

void spd_loop_stop(struct spd_loop *loop)
{
    atomic_store(&loop->stopping, true);
    spd_loop_wake(loop);
}

void spd_loop_join(struct spd_loop *loop)
{
    if (loop->started)
        os_thread_join(loop->thread);
    loop->started = false;
}
