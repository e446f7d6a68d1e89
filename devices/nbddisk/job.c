/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "job.h"

#include <errno.h>
#include <stdlib.h>

enum {
    PIECE_MIN = 32 << 10, /* bytes: shorter pieces are copied, since a command costs more */
    QUESTION_MAX = 1 << 30, /* bytes of one question about extents */
    PREFETCH_MAX = 32 << 20, /* bytes */
};

/* Lists. */

void job_append(struct job_list *list, struct job *job)
{
    job->list = list;
    job->next = NULL;
    job->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = job;
    list->last = job;
    list->count++;
}

void job_remove(struct job *job)
{
    struct job_list *list = job->list;

    *(job->previous ? &job->previous->next : &list->first) = job->next;
    *(job->next ? &job->next->previous : &list->last) = job->previous;
    list->count--;
    job->list = NULL;
}

void job_prepend_all(struct job_list *list, struct job_list *from)
{
    struct job_list after = *list;

    *list = *from;
    *from = (struct job_list){ 0 };
    for (struct job *job = list->first; job; job = job->next)
        job->list = list;
    for (struct job *job = after.first, *next; job; job = next) {
        next = job->next;
        job_append(list, job);
    }
}

/* Facts about requests. */

static spd_operation operation_of(const struct job *job)
{
    return job->request ? spd_request_operation(job->request) : SPD_FLUSH;
}

static uint32_t flags_of(const struct job *job)
{
    return job->request ? spd_request_flags(job->request) : 0;
}

static uint64_t offset_of(const struct job *job)
{
    return spd_request_lba(job->request) * job->block_length;
}

static uint64_t length_of(const struct job *job)
{
    return (uint64_t)spd_request_blocks(job->request) * job->block_length;
}

bool job_is_write(const struct job *job)
{
    spd_operation operation = operation_of(job);

    return operation == SPD_WRITE || operation == SPD_UNMAP || operation == SPD_WRITE_ZEROES;
}

static bool wants_fua(const struct job *job)
{
    return job_is_write(job) && flags_of(job) & SPD_FUA;
}

bool job_is_volatile(const struct job *job, const struct server_facts *facts)
{
    return job_needs_journal(job, facts) && !wants_fua(job);
}

bool job_needs_journal(const struct job *job, const struct server_facts *facts)
{
    return job_is_write(job) && facts->flush;
}

void job_init(struct job *job, spd_request *request, uint32_t block_length)
{
    *job = (struct job){ .request = request, .block_length = block_length };
    job->flushes = operation_of(job) == SPD_FLUSH;
}

void job_rewind(struct job *job)
{
    job->commands = 0;
    job->error = 0;
    job->seals = false;
    job->covers = 0;
    job->flushes = operation_of(job) == SPD_FLUSH;
}

void job_end(struct job *job)
{
    free(job->bounce);
    job->bounce = NULL;
}

/* Commands. libnbd calls back while a call of it is running, so nothing more is done then. */

static int answered(void *context, int *error)
{
    struct job *job = context;

    if (!job->error)
        job->error = *error;
    if (--job->commands == 0) {
        job_remove(job);
        job_append(job->completed, job);
    }
    return 1;
}

static nbd_completion_callback to(struct job *job)
{
    return (nbd_completion_callback){ .callback = answered, .user_data = job };
}

/* A command that was not begun has no callback. */
static void begun(struct job *job, int64_t cookie)
{
    if (cookie >= 0)
        return;
    if (!job->error)
        job->error = nbd_get_errno() ? nbd_get_errno() : EIO;
    job->commands--;
}

static uint32_t fua(const struct job *job, const struct server_facts *facts)
{
    return wants_fua(job) && facts->fua ? LIBNBD_CMD_FLAG_FUA : 0;
}

static void move(struct job *job, struct nbd_handle *handle, const struct server_facts *facts,
    const spd_vec *piece, uint64_t offset)
{
    job->commands++;
    begun(job, operation_of(job) == SPD_READ
            ? nbd_aio_pread(handle, piece->base, piece->length, offset, to(job), 0)
            : nbd_aio_pwrite(handle, piece->base, piece->length, offset, to(job),
                  fua(job, facts)));
}

/* Whether each of the pieces is worth a command, and has a number of the server's blocks. */
static bool fits(const spd_vec *pieces, uint32_t count, uint64_t minimum)
{
    for (uint32_t i = 0; i < count && count > 1; i++)
        if (pieces[i].length < PIECE_MIN || pieces[i].length % minimum)
            return false;
    return true;
}

static void send_data(struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    uint64_t offset = offset_of(job);
    uint32_t count;
    const spd_vec *pieces = spd_request_data(job->request, &count);
    spd_vec whole = { NULL, (size_t)length_of(job) };

    if (!fits(pieces, count, facts->minimum)) {
        if (!job->bounce)
            job->bounce = malloc(whole.length);
        if (!job->bounce) {
            job->error = ENOMEM;
            return;
        }
        if (operation_of(job) == SPD_WRITE)
            spd_vec_get(pieces, count, 0, job->bounce, whole.length);
        whole.base = job->bounce;
        pieces = &whole;
        count = 1;
    }
    for (uint32_t i = 0; i < count; offset += pieces[i++].length)
        move(job, handle, facts, &pieces[i], offset);
}

static void send_unmap(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    uint32_t count;
    const spd_range *ranges = spd_request_ranges(job->request, &count);

    for (uint32_t i = 0; i < count; i++) {
        job->commands++;
        begun(job, (facts->unmap_zeros ? nbd_aio_zero : nbd_aio_trim)(handle,
            (uint64_t)ranges[i].blocks * job->block_length, ranges[i].lba * job->block_length,
            to(job), fua(job, facts)));
    }
}

static uint32_t zero_flags(uint32_t flags, const struct server_facts *facts)
{
    return (flags & SPD_MAY_UNMAP ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) |
        (flags & SPD_FAST_ONLY && facts->fast_zero ? LIBNBD_CMD_FLAG_FAST_ZERO : 0);
}

static void send_zeroes(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    if (flags_of(job) & SPD_FAST_ONLY && !facts->fast_zero) {
        job->error = ENOTSUP;
        return;
    }
    job->commands++;
    begun(job, nbd_aio_zero(handle, length_of(job), offset_of(job), to(job),
        fua(job, facts) | zero_flags(flags_of(job), facts)));
}

static void send_flush(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    if (!facts->flush)
        return;
    job->commands++;
    begun(job, nbd_aio_flush(handle, to(job), 0));
}

/* Runs may begin and end within a block: it is deallocated if all of it is a hole. */
static int describe(void *context, const char *name, uint64_t offset, uint32_t *entries,
    size_t count, int *error)
{
    struct job *job = context;
    uint64_t start = offset_of(job), end = offset, length = job->block_length;

    (void)name;
    (void)error;
    for (size_t i = 0; i + 1 < count; i += 2) {
        bool hole = entries[i + 1] & LIBNBD_STATE_HOLE;
        uint64_t blocks;

        end += entries[i];
        blocks = (end - start + (hole ? 0 : length - 1)) / length;
        if (blocks > spd_request_blocks(job->request))
            blocks = spd_request_blocks(job->request);
        if (blocks <= job->described)
            continue;
        if (!spd_extents_add(spd_request_extents(job->request), blocks - job->described,
                hole ? SPD_DEALLOCATED : SPD_MAPPED))
            blocks = spd_request_blocks(job->request);
        job->described = (uint32_t)blocks;
    }
    return 0;
}

static void send_question(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    uint64_t from = (uint64_t)job->described * job->block_length;
    uint64_t length = length_of(job) - from;

    if (!facts->extents || !length)
        return;
    job->commands++;
    begun(job, nbd_aio_block_status(handle, length < QUESTION_MAX ? length : QUESTION_MAX,
        offset_of(job) + from,
        (nbd_extent_callback){ .callback = describe, .user_data = job }, to(job), 0));
}

static int ignore(void *context, int *error)
{
    (void)context;
    (void)error;
    return 1;
}

/* A hint: nobody waits for it. */
static void send_prefetch(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts)
{
    uint64_t length = length_of(job);

    if (facts->cache)
        nbd_aio_cache(handle, length < PREFETCH_MAX ? length : PREFETCH_MAX, offset_of(job),
            (nbd_completion_callback){ .callback = ignore }, 0);
}

typedef void (*send_function)(
    struct job *job, struct nbd_handle *handle, const struct server_facts *facts);

static const send_function senders[] = {
    [SPD_READ] = send_data,
    [SPD_WRITE] = send_data,
    [SPD_FLUSH] = send_flush,
    [SPD_UNMAP] = send_unmap,
    [SPD_WRITE_ZEROES] = send_zeroes,
    [SPD_EXTENTS] = send_question,
    [SPD_PREFETCH] = send_prefetch,
};

/* The job's own command keeps it from being completed before all have begun. */
void job_send(struct job *job, struct nbd_handle *handle, const struct server_facts *facts,
    struct job_list *completed)
{
    int error = 0;

    job->completed = completed;
    job->commands = 1;
    senders[job->flushes ? SPD_FLUSH : operation_of(job)](job, handle, facts);
    answered(job, &error);
}

bool job_goes_on(struct job *job, const struct server_facts *facts)
{
    if (job->error || job->flushes || !wants_fua(job) || facts->fua || !facts->flush)
        return false;
    job->flushes = true;
    return true;
}

/* The journal. */

size_t job_journal_need(const struct job *job)
{
    uint32_t ranges;

    spd_request_ranges(job->request, &ranges);
    return journal_need(ranges ? ranges : 1,
        operation_of(job) == SPD_WRITE ? (size_t)length_of(job) : 0);
}

void job_journal_add(const struct job *job, struct journal *journal, uint64_t sequence)
{
    uint32_t count, pieces;
    const spd_range *ranges = spd_request_ranges(job->request, &count);
    const spd_vec *data = spd_request_data(job->request, &pieces);
    const spd_range own = { .lba = spd_request_lba(job->request),
        .blocks = spd_request_blocks(job->request) };

    if (!count)
        ranges = &own, count = 1;
    for (uint32_t i = 0; i < count; i++) {
        struct journal_entry entry = {
            .sequence = sequence,
            .offset = ranges[i].lba * job->block_length,
            .length = (uint64_t)ranges[i].blocks * job->block_length,
            .operation = operation_of(job),
            .flags = flags_of(job),
        };

        journal_add(journal, &entry, data, pieces);
    }
}

/* Zeros that were fast once need not be so again. */
int64_t job_send_entry(struct nbd_handle *handle, const struct journal_entry *entry,
    const struct server_facts *facts, nbd_completion_callback callback)
{
    if (entry->operation == SPD_WRITE)
        return nbd_aio_pwrite(
            handle, entry + 1, (size_t)entry->length, entry->offset, callback, 0);
    if (entry->operation == SPD_UNMAP)
        return (facts->unmap_zeros ? nbd_aio_zero : nbd_aio_trim)(
            handle, entry->length, entry->offset, callback, 0);
    return nbd_aio_zero(handle, entry->length, entry->offset, callback,
        zero_flags(entry->flags & ~(uint32_t)SPD_FAST_ONLY, facts));
}

/* Outcomes. */

/* Errors of the server that mean something else here than those of a system call. */
static const struct {
    int error;
    uint8_t key, asc, ascq;
} senses[] = {
    { ENOTSUP, SPD_SENSE_ILLEGAL_REQUEST, SPD_ASC_INVALID_COMMAND_OPERATION_CODE },
    { EINVAL, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE },
    { EOVERFLOW, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE },
    { ENOTCONN, SPD_SENSE_NOT_READY, SPD_ASC_LOGICAL_UNIT_NOT_READY_CAUSE_NOT_REPORTABLE },
};

static void end_extents(const struct job *job)
{
    if (!job->described)
        spd_extents_add(
            spd_request_extents(job->request), spd_request_blocks(job->request), SPD_MAPPED);
}

void job_status(const struct job *job, spd_status *status)
{
    spd_operation operation = operation_of(job);
    uint32_t count;

    *status = (spd_status){ 0 };
    if (operation == SPD_EXTENTS && job->error != ENOTCONN) {
        end_extents(job); /* blocks of which nothing is known are mapped */
        return;
    }
    if (!job->error) {
        if (operation == SPD_READ && job->bounce) {
            const spd_vec *pieces = spd_request_data(job->request, &count);

            spd_vec_put(pieces, count, 0, job->bounce, (size_t)length_of(job));
        }
        return;
    }
    for (size_t i = 0; i < sizeof senses / sizeof senses[0]; i++)
        if (senses[i].error == job->error) {
            spd_status_set(status, senses[i].key, senses[i].asc, senses[i].ascq, NULL);
            return;
        }
    spd_status_set_errno(
        status, job->error, operation, job->request ? spd_request_lba(job->request) : 0);
}
