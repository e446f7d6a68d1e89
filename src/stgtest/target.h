/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Targets of stgtest: a unit behind the unix: door or a pipe, a disk, a volume or a file. */

#ifndef STGTEST_TARGET_H
#define STGTEST_TARGET_H

#include "transact/message.h"
#include "stgtest/winerror.h"

struct target;

struct target_ops {
    /* An operation from start to end. buffer has the blocks to write, and gets the blocks that are
     * read (zeros behind a short answer). 0 and a response, or an error. */
    int (*transact)(struct target *target, const struct transact_request *request, uint8_t *buffer,
        struct transact_response *response);
    void (*close)(struct target *target);
};

struct target {
    const struct target_ops *ops;
    uint64_t block_count;
    uint32_t block_length;
    uint32_t max_transfer_length;
    bool cache;
    const char *allowed; /* the letters of the operations that it has */
};

/* Differences between systems: target_posix.c, target_windows.c. */

extern const char target_names[]; /* for --help: the forms of NAME */

/* 0 or an error, already reported. */
int target_open(const char *name, struct target **target);

/* Says on stderr that name cannot be opened, and returns the number for the system's error. */
int target_fail(const char *name, const char *what);

/* Memory for I/O around the system's cache, or NULL. */
void *target_buffer_new(size_t length);
void target_buffer_free(void *buffer);

/* For the line that repeats the command: a word that the system's shells take for this name, and
 * one for "*". */
void target_print_name(const char *name);
extern const char target_star[];

uint32_t target_thread_id(void);

/* The kinds there are; for target_open() alone. */
int target_open_unix(const char *name, struct target **target);
int target_open_raw(const char *name, struct target **target);
int target_open_pipe(const char *name, struct target **target);
int target_open_volume(const char *name, struct target **target);

#endif
