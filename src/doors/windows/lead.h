/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Leader and followers: if the device is quick, one thread asks the driver and the others sleep.
 *
 * If each thread waits in the driver, each request wakes a thread, and comes alone. A single thread
 * that comes back finds all requests that have arrived meanwhile, and brings them with one call. So
 * one thread leads: it asks the driver, and calls the device itself. This gains more than several
 * threads at once while a call of the device costs less than a call of the driver; both are
 * measured.
 *
 * A device that is usually quick may block all the same. A leader saves waking a follower for each
 * request. So a single follower, the watcher, looks at intervals whether the leader is still there.
 * A leader that is away for a whole interval is given up. From then on every thread asks for
 * itself, as if there were no leaders, until the device has been quick for long enough.
 *
 * After some looks the watcher waits in the driver, too, and the next follower becomes the watcher.
 * So nobody looks while there is nothing to do, or a single request at a time: then all wait in the
 * driver. A second request that comes meanwhile goes to one of them, which watches afterwards.
 *
 * A program that answers later has no leader. Only calls that answer at once are measured, since
 * the end of others says nothing of how long the thread was away. Each of its threads asks, and
 * each answer is a call of its own.
 *
 * Nothing here knows of Windows. Each function may be called by any thread.
 */

#ifndef DOORS_WINDOWS_LEAD_H
#define DOORS_WINDOWS_LEAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"

enum {
    WINDOWS_LEAD_QUICK_NS = 100000, /* a device whose calls take longer has no leader */
    WINDOWS_LEAD_LOOK_MS = 2, /* between two looks; a system may make more of it */
};

struct windows_lead {
    os_mutex lock; /* guards the rest, save what is atomic */
    os_cond wake;
    atomic_bool on;     /* one thread asks, and the others follow */
    bool over;          /* never again */
    bool watched;       /* a follower looks after the leader */
    uint32_t leader;    /* the number of its thread; 0: nobody yet */
    int32_t device_ns;  /* mean time of a call of the device */
    int32_t driver_ns;  /* mean time of a call of the driver, without the time that it waits */
    uint32_t led;       /* calls of the device since a leader was given up last */
    uint32_t penalty;   /* calls of the device that count after a leader was given up */
    uint32_t owed;      /* the remaining ones, until there may be a leader again */
    _Atomic uint32_t asking; /* threads that the driver has for requests */
    _Atomic uint32_t turns;  /* how often a thread has come back from there */
};

void windows_lead_init(struct windows_lead *lead);
void windows_lead_destroy(struct windows_lead *lead);

/* Reports the time of a call: of the device, which has answered at once, and of the driver. */
void windows_lead_note_device(struct windows_lead *lead, uint64_t took_ns);
void windows_lead_note_driver(struct windows_lead *lead, uint64_t took_ns);

/* Whether the thread of this number, which is not 0, may ask for requests. */
bool windows_lead_asks(struct windows_lead *lead, uint32_t self);

/* Around the time that the driver has a thread for requests, which may block afterwards. */
void windows_lead_leaves(struct windows_lead *lead);
void windows_lead_returns(struct windows_lead *lead);

/* Sleeps while another thread leads. True: the caller asks for requests as well, once. False: the
 * asking threads may have changed. The caller holds no lock that a leader needs. */
bool windows_lead_follow(struct windows_lead *lead, uint32_t self);

/* From now on every thread asks, and none sleeps. */
void windows_lead_end(struct windows_lead *lead);

#endif
