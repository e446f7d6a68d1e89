/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A request, as commands for an NBD server. Most requests are one command. An unmap of several
 * ranges, or data in several pieces, is several commands that are on their way together. A durable
 * write to a server that has no FUA is a write and then a flush.
 *
 * A job can be sent again after its connection is lost, as if it had never been sent. It belongs to
 * the thread of its link.
 */

#ifndef DEVICES_NBDDISK_JOB_H
#define DEVICES_NBDDISK_JOB_H

#include "journal.h"
#include "server.h"

struct job_list;

struct job {
    struct job *next, *previous;
    struct job_list *list;      /* where it is */
    struct job_list *completed; /* where it goes when the server has answered all its commands */
    spd_request *request;       /* NULL: a flush of the link itself */
    void *bounce;               /* a contiguous copy, if pieces are no whole blocks */
    size_t reserved;            /* bytes of the journal */
    uint32_t described;         /* blocks of an extents operation */
    uint32_t commands;          /* on their way */
    uint32_t block_length;
    int error;     /* the first one, an errno */
    bool flushes;  /* its next step, or the present one, is a flush */
    bool seals;    /* the flush has sealed a half of the journal */
    uint64_t covers; /* the flush makes changes up to this sequence durable */
};

/* In the order in which jobs were added. */
struct job_list {
    struct job *first, *last;
    uint32_t count;
};

void job_append(struct job_list *list, struct job *job);
void job_remove(struct job *job);
/* Puts all jobs of `from` before those of `list`. */
void job_prepend_all(struct job_list *list, struct job_list *from);

void job_init(struct job *job, spd_request *request, uint32_t block_length);
/* The server's answer was lost: nothing has been sent. */
void job_rewind(struct job *job);
/* Frees what the job has; its memory belongs to the request. */
void job_end(struct job *job);

bool job_is_write(const struct job *job); /* it changes blocks */
/* Whether a change needs a flush to become durable. */
bool job_is_volatile(const struct job *job, const struct server_facts *facts);
/* Whether a change may have to be made again: a durable one, too, because an older one is. */
bool job_needs_journal(const struct job *job, const struct server_facts *facts);

/* Sends the commands of the job's next step. The job goes to the list `completed` by a callback of
 * libnbd, or here. */
void job_send(struct job *job, struct nbd_handle *handle, const struct server_facts *facts,
    struct job_list *completed);
/* The step is done. True: the job has another one, and is to be sent again. */
bool job_goes_on(struct job *job, const struct server_facts *facts);

/* Bytes that the job needs in the journal, and the entries that it leaves there. */
size_t job_journal_need(const struct job *job);
void job_journal_add(const struct job *job, struct journal *journal, uint64_t sequence);

/* The status that the initiator gets. */
void job_status(const struct job *job, spd_status *status);

/* Sends an entry of a journal once more. Returns as the calls of libnbd. */
int64_t job_send_entry(struct nbd_handle *handle, const struct journal_entry *entry,
    const struct server_facts *facts, nbd_completion_callback callback);

#endif
