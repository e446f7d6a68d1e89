/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The order of the changes of all links. Each link has a journal of its own, and two links may have
 * changed the same block. After the server's death the younger change has to be made last, and
 * nobody may read before all changes are there.
 *
 * Changes have numbers in the order of their answers. A flush that any link sends covers all
 * numbers that were given before: the server promises this (NBD_FLAG_CAN_MULTI_CONN).
 *
 * A new connection may lead to another server than those that were made before. So it begins an
 * epoch. In each epoch every link stops, tells the oldest number that it owes to the server, and
 * makes its changes again when all older ones of other links are answered. A link goes on when
 * nobody owes anything. A connection that is lost begins no epoch: if its server lives, the others
 * are right to go on; if not, they get no answer either.
 *
 * All functions may be called by all threads at once.
 */

#ifndef DEVICES_NBDDISK_ORDER_H
#define DEVICES_NBDDISK_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spd/spd.h>

enum { ORDER_ABSENT = 0 }; /* the epoch of a link that does not exist */
#define ORDER_NOTHING UINT64_MAX /* the number of a link that owes nothing */

struct order {
    _Atomic uint64_t given;     /* the last number */
    _Atomic uint64_t durable;   /* no change up to this number can be lost */
    _Atomic uint32_t undurable; /* links whose journal is not empty */
    _Atomic uint64_t epoch;     /* the first is 1 */
    _Atomic uint64_t begun;     /* an epoch in which a link has sent something, or may */
    struct {
        _Atomic uint64_t epoch; /* the one for which `owed` is right */
        _Atomic uint64_t owed;
    } links[SPD_QUEUES_MAX];
};

void order_init(struct order *order);

/* The number of a change that was just answered. */
uint64_t order_next(struct order *order);
/* A flush has succeeded, before which this number was the last. */
void order_cover(struct order *order, uint64_t number);

/* A connection was made. Begins an epoch, unless nothing has been sent in the present one. */
void order_connected(struct order *order);
/* A link is about to send something in this epoch. */
void order_begin(struct order *order, uint64_t epoch);
/* A link has stopped for this epoch, and owes changes from this number on. */
void order_tell(struct order *order, uint32_t link, uint64_t epoch, uint64_t owed);
void order_leave(struct order *order, uint32_t link);

/* The oldest number that another link owes; 0: one of them has not stopped yet. */
uint64_t order_oldest(struct order *order, uint32_t link, uint64_t epoch);

#endif
