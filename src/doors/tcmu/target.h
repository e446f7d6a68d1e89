/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The objects that the kernel's target makes for a disk, and the disk itself. They are folders and
 * files of configfs; the kernel documents them in Documentation/target/tcmu-design.rst. A table has
 * the steps, each with what takes it back.
 *
 *   tcmu_target_make()    the device and its shared memory, before the program gives up rights
 *   tcmu_target_link()    the disk. It blocks: the kernel sends commands, which the caller's loop
 *                         answers meanwhile on another thread
 *   tcmu_target_remove()  takes everything back. It blocks in the same way
 *
 * A server that is killed leaves all of it behind. The kernel keeps the commands, and the next
 * server with the same name and unit takes the device over. The folders of all disks, user_0 and
 * loopback, stay.
 *
 * Threads take turns at a target. Functions that fail return a spd_error with its detail.
 */

#ifndef DOORS_TCMU_TARGET_H
#define DOORS_TCMU_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCMU_NAME_MAX = 64, TCMU_PATH_MAX = 256, TCMU_DISK_MAX = 32, TCMU_TEXT_MAX = 256,
    TCMU_CONFIG_MAX = 48 };

/* Properties of the unit that the kernel needs to know. */
struct tcmu_wishes {
    const char *serial;    /* the unit's GUID as text */
    uint64_t size;         /* bytes */
    uint32_t block_length;
    uint32_t max_transfer; /* bytes of one command */
    uint32_t queue_depth;  /* commands at once */
    uint32_t timeout;      /* seconds after which the kernel gives a command up; 0: never */
    bool shared;           /* the unit has other doors, whose initiators the kernel knows not */
};

struct tcmu_target {
    char name[TCMU_NAME_MAX + 1];
    char config[TCMU_CONFIG_MAX]; /* "spd/SERIAL", by which the device is known as the unit's */
    char naa[2][24];            /* names of the target port and of the initiator port */
    struct tcmu_wishes wishes;
    char serial[40];
    uint32_t made;     /* bit i: step i was taken, or had been */
    bool taken_over;   /* a server that is gone made it */
    int uio;           /* the UIO device; -1: none */
    void *memory;      /* shared with the kernel */
    size_t size;
    char address[TCMU_DISK_MAX]; /* "2:0:1:0", the disk's in the kernel; "" before it is there */
    char disk[TCMU_DISK_MAX];    /* "sdb" */
};

/* wishes->serial is copied. */
int tcmu_target_make(
    struct tcmu_target *target, const char *name, const struct tcmu_wishes *wishes);
/* Ends the commands that a former server has left behind: BUSY, so the initiator sends them again.
 * After tcmu_target_make(), before the ring is read. Does nothing to a new device. */
int tcmu_target_reset(struct tcmu_target *target);
int tcmu_target_link(struct tcmu_target *target);
/* After the link: the kernel asks the disk for its capacity. It blocks in the same way. */
void tcmu_target_rescan(const struct tcmu_target *target);
/* Logs what cannot be removed. Again if need be, also after a function above has failed. */
void tcmu_target_remove(struct tcmu_target *target);
/* The shared memory and the UIO device. Does nothing to a target that has none. */
void tcmu_target_close(struct tcmu_target *target);

#endif
