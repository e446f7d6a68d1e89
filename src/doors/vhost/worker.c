/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The loops of a door. The first gives orders to all of them; an order is a number that the loop
 * finds when it is woken. */

#include "doors/vhost/door.h"

static struct vhost_worker *worker_of(const struct spd_loop *loop)
{
    return (struct vhost_worker *)(void *)((char *)(uintptr_t)loop -
        offsetof(struct vhost_worker, loop));
}

/* Calls a function for each ring of the loop. */
#define EACH_QUEUE(worker, queue)                                                                  \
    for (struct vhost_queue *queue = (worker)->of->queues;                                         \
         queue < (worker)->of->queues + (worker)->of->queue_count; queue++)                        \
        if (queue->worker == (worker))

/* Orders. */

static bool is_idle(struct vhost_worker *worker)
{
    EACH_QUEUE (worker, queue) {
        if (queue->running)
            return false;
    }
    return true;
}

static bool forget(struct vhost_worker *worker)
{
    EACH_QUEUE (worker, queue)
        vhost_queue_cancel(queue);
    if (!is_idle(worker))
        return false;
    EACH_QUEUE (worker, queue)
        vhost_queue_forget(queue);
    return true;
}

static bool do_message(struct vhost_worker *worker)
{
    enum vhost_result result = vhost_backend_execute(worker->of, worker->named);

    if (result != VHOST_LATER)
        worker->of->front.result = result;
    return result != VHOST_LATER;
}

/* The first loop may have given another order meanwhile: then that one counts. */
static void obey(struct vhost_worker *worker)
{
    static const struct {
        bool (*carry_out)(struct vhost_worker *worker);
        uint32_t next;
    } orders[] = {
        [VHOST_DO] = { do_message, VHOST_WORK },
        [VHOST_REST] = { is_idle, VHOST_RESTS },
        [VHOST_END] = { forget, VHOST_ENDED },
        [VHOST_ENDED] = { NULL, 0 },
    };
    uint32_t order = atomic_load(&worker->order);

    if (orders[order].carry_out && orders[order].carry_out(worker) &&
        atomic_compare_exchange_strong(&worker->order, &order, orders[order].next) &&
        worker->number > 0)
        spd_loop_wake(&worker->of->workers[0].loop);
}

void vhost_order(struct vhost_door *door, struct vhost_worker *one, enum vhost_order order)
{
    for (uint32_t i = door->worker_count; i-- > 0;) {
        struct vhost_worker *worker = &door->workers[i];

        if (one && worker != one)
            continue;
        atomic_store(&worker->order, order);
        if (i > 0)
            spd_loop_wake(&worker->loop);
        else
            obey(worker);
    }
}

bool vhost_obeyed(const struct vhost_door *door)
{
    for (uint32_t i = 0; i < door->worker_count; i++) {
        uint32_t order = atomic_load(&door->workers[i].order);

        if (order == VHOST_DO || order == VHOST_REST || order == VHOST_END)
            return false;
    }
    return true;
}

/* Task management of other doors. The end of some requests may complete others; then this is called
 * again. */
static void look(struct vhost_worker *worker)
{
    uint32_t round = spd_round(&worker->door);
    bool changes = false;

    if (round != worker->round) {
        worker->owes_report = true;
        worker->round = round;
        EACH_QUEUE (worker, queue)
            vhost_queue_abort(queue, round);
    }
    if (!worker->owes_report)
        return;
    EACH_QUEUE (worker, queue)
        changes |= vhost_queue_changes(queue);
    if (!changes) {
        worker->owes_report = false;
        spd_round_report(&worker->door, round);
    }
}

bool vhost_worker_settle(struct vhost_worker *worker)
{
    uint32_t order = atomic_load(&worker->order);
    bool more = false;

    look(worker);
    EACH_QUEUE (worker, queue)
        more |= vhost_queue_serve(queue, order <= VHOST_DO);
    obey(worker);
    return more;
}

bool vhost_worker_is_empty(const struct vhost_worker *worker)
{
    EACH_QUEUE (worker, queue) {
        if (queue->running || queue->commands || queue->kick.socket != OS_NO_SOCKET)
            return false;
    }
    return true;
}

/* A worker that has forgotten its queues leaves them alone: another thread may have them now. */
bool vhost_worker_end(struct vhost_worker *worker)
{
    if (vhost_worker_is_empty(worker))
        return true;
    atomic_store(&worker->order, VHOST_END);
    return forget(worker);
}

void vhost_worker_mailed(struct spd_loop *loop, struct spd_request *request)
{
    (void)loop;
    vhost_command_completed(request);
}

static bool settle(struct spd_loop *loop)
{
    return vhost_worker_settle(worker_of(loop));
}

static void stop(struct spd_loop *loop)
{
    vhost_worker_end(worker_of(loop));
}

static bool is_empty(const struct spd_loop *loop)
{
    return vhost_worker_is_empty(worker_of(loop));
}

const struct spd_loop_ops vhost_worker_ops = {
    .mailed = vhost_worker_mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = is_empty,
};
