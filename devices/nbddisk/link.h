/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A link is a queue of the disk with a connection to the server. Its requests wait, are sent and
 * are finished. While the connection is down they wait for the next one:
 *
 *     LINK_DOWN --> LINK_CONNECTING --> LINK_REPLAYING --> LINK_UP
 *         ^-------------------------------------------------'
 *
 * A new connection first gets the changes of the journal, in the order of all links (order.h), and
 * then what had no answer. So a server that has lost acknowledged changes by its crash has them
 * again before anybody can read. For that a link that is up stops when another one connects:
 *
 *     LINK_UP --> LINK_DRAINING --> LINK_REPLAYING --> LINK_UP
 *
 * The functions are for the thread of the queue, save where they say otherwise.
 */

#ifndef DEVICES_NBDDISK_LINK_H
#define DEVICES_NBDDISK_LINK_H

#include "job.h"
#include "order.h"

#include <pthread.h>
#include <stdatomic.h>

/* The state that all links of a disk share. */
struct disk {
    const char *uri;
    uint64_t reconnect; /* seconds for which requests wait for a connection */
    uint64_t timeout;   /* seconds for which the server may say nothing; 0: no limit */
    size_t journal;     /* bytes of a half */
    uint32_t block_length;
    uint32_t max_transfer;
    uint32_t connections;
    struct nbd_handle *first; /* the connection of the start, until link 0 has it */
    struct server_facts facts; /* at the start */
    spd_unit *_Atomic unit;
    _Atomic uint64_t block_count;
    struct order order;
    _Atomic bool stopping;
    _Atomic int flush_error; /* from a flush for which nobody asked: all later ones get it */
    _Atomic int events[SPD_QUEUES_MAX]; /* descriptors that wake the links; 0: none yet */
};

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_REPLAYING, LINK_UP, LINK_DRAINING };

struct link {
    struct disk *disk;
    uint32_t index;
    enum link_state state;
    struct nbd_handle *handle;
    struct server_facts facts; /* this connection's */
    int epoll, timer;
    int fd;        /* the connection's, in the epoll; -1: none */
    uint32_t mask; /* EPOLL... of fd */
    int period;    /* milliseconds between ticks; 0: none */

    struct job_list waiting, sent, finished;
    struct job own; /* a flush for which nobody has asked; in no list while there is none */
    struct journal journal;
    bool pumping, again;

    const struct journal_entry *replayed, *batch; /* the last entry sent; the first of its batch */
    uint32_t replaying;                           /* entries on their way */
    int replay_error;

    uint64_t epoch, owed; /* as it has told others (order.h) */
    uint64_t forgotten;   /* changes up to this sequence are not in the journal */
    bool undurable;       /* it has told others that its journal is not empty */

    int64_t lost_at, try_at; /* milliseconds */
    int pause;                        /* milliseconds before the next attempt */
    int quiet, abandoned; /* milliseconds since the server answered; since an abort */
    bool answered; /* the connection has been of use */
    bool was_up, was_lost, given_up;
    bool ticked; /* the timer has fired just now */
    char why[SERVER_WHY_MAX];

    pthread_t thread;
    pthread_mutex_t lock;
    struct job *foreign; /* requests from other threads, the last one first; under the lock */
};

/* 0 or a negative errno value. The link is zeroed memory. */
int link_begin(struct link *link, struct disk *disk, spd_queue *queue);
void link_end(struct link *link);

/* Requests come. Any thread. */
void link_submit(struct link *link, spd_request *const *requests, uint32_t count);
/* The descriptor of the queue is readable. */
void link_poll(struct link *link);
/* The link of this number looks for aborted requests, and whether the disk stops. Any thread. */
void disk_wake(struct disk *disk, uint32_t index);
/* After the unit is deleted. */
void disk_close(struct disk *disk);

#endif
