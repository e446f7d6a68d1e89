/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Storage units behind a URI: an asynchronous device of spd.h. What it is given to do waits in a
 * queue for the dispatcher threads, and is done when the program's answer comes.
 */

#include <string.h>

#include "dll/dll.h"
#include "spd/spd.h"

_Static_assert((int)SPD_READ == (int)SpdIoctlTransactReadKind &&
        (int)SPD_WRITE == (int)SpdIoctlTransactWriteKind &&
        (int)SPD_FLUSH == (int)SpdIoctlTransactFlushKind &&
        (int)SPD_UNMAP == (int)SpdIoctlTransactUnmapKind,
    "an operation is its kind");

enum { NAME_MAX_BYTES = 1024, SCHEME_MIN = 2, SENSE_KEY_ABORTED_COMMAND = 0x0b };

/* An operation that the program has not ended. */
struct job {
    struct job *next;
    spd_request *request;
    UINT32 ranges_done; /* unmap: the list may be longer than the program's buffer */
};

struct library {
    spd_unit *spd;
    HANDLE watcher;
    volatile DWORD owner; /* the thread that starts or ends spd: what it submits is a last flush */
    SRWLOCK lock;         /* guards the rest */
    CONDITION_VARIABLE arrived;
    bool started;
    bool stopped;
    UINT64 last_hint;
    struct job *first, **end;
    struct job *free;
};

static struct library *library_of(struct dll_unit *unit)
{
    return (struct library *)((ULONG_PTR)unit->base.Handle & ~(ULONG_PTR)1);
}

/* RFC 3986 3.1, except that one letter is a drive. */
bool library_is_name(PCWSTR device_name)
{
    size_t length = wcsspn(
        device_name, L"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return length >= SCHEME_MIN && device_name[length] == L':';
}

static DWORD error_of(int error)
{
    switch (error) {
    case 0:
        return 0;
    case SPD_ERROR_NO_MEMORY:
    case SPD_ERROR_THREADS:
        return ERROR_NO_SYSTEM_RESOURCES;
    case SPD_ERROR_DOOR_MISSING:
        return ERROR_NOT_SUPPORTED;
    case SPD_ERROR_ADDRESS:
        return WSAEADDRNOTAVAIL;
    case SPD_ERROR_ADDRESS_IN_USE:
        return WSAEADDRINUSE;
    case SPD_ERROR_ACCESS:
        return ERROR_ACCESS_DENIED;
    case SPD_ERROR_SYSTEM:
        return ERROR_GEN_FAILURE;
    default:
        return ERROR_INVALID_PARAMETER;
    }
}

static struct job *new_job(struct library *library, spd_request *request)
{
    struct job *job = library->free;

    if (job)
        library->free = job->next;
    else
        job = dll_alloc(sizeof *job);
    if (job)
        *job = (struct job){ .request = request };
    return job;
}

static void complete(struct library *library, struct job *job, const spd_status *status)
{
    spd_request *request = job->request;

    AcquireSRWLockExclusive(&library->lock);
    job->next = library->free;
    library->free = job;
    ReleaseSRWLockExclusive(&library->lock);
    spd_request_complete(request, status);
}

static void abort_request(spd_request *request)
{
    spd_status status;

    spd_status_set(&status, SENSE_KEY_ABORTED_COMMAND, 0, 0, NULL);
    spd_request_complete(request, &status);
}

static void abort_jobs(struct library *library, struct job *job)
{
    spd_status status;

    spd_status_set(&status, SENSE_KEY_ABORTED_COMMAND, 0, 0, NULL);
    while (job) {
        struct job *next = job->next;

        complete(library, job, &status);
        job = next;
    }
}

static void submit(spd_unit *spd, spd_request *request)
{
    struct library *library = spd_unit_context(spd);
    struct job *job = NULL;

    /* The dispatcher has a last flush of its own. */
    if (library->owner == GetCurrentThreadId()) {
        spd_request_complete(request, NULL);
        return;
    }
    AcquireSRWLockExclusive(&library->lock);
    if (!library->stopped)
        job = new_job(library, request);
    if (job) {
        *library->end = job;
        library->end = &job->next;
    }
    ReleaseSRWLockExclusive(&library->lock);
    if (job)
        WakeConditionVariable(&library->arrived);
    else
        abort_request(request);
}

/* NULL: it has been stopped. */
static struct job *next_job(struct library *library, UINT64 *hint)
{
    struct job *job = NULL;

    AcquireSRWLockExclusive(&library->lock);
    while (!library->stopped && !library->first)
        SleepConditionVariableSRW(&library->arrived, &library->lock, INFINITE, 0);
    if (!library->stopped) {
        job = library->first;
        library->first = job->next;
        if (!library->first)
            library->end = &library->first;
        *hint = ++library->last_hint;
    }
    ReleaseSRWLockExclusive(&library->lock);
    return job;
}

/* The rest of an unmap, before all others. False: it has been stopped. */
static bool again(struct library *library, struct job *job)
{
    bool stopped;

    AcquireSRWLockExclusive(&library->lock);
    stopped = library->stopped;
    if (!stopped) {
        job->next = library->first;
        library->first = job;
        if (!job->next)
            library->end = &job->next;
    }
    ReleaseSRWLockExclusive(&library->lock);
    WakeConditionVariable(&library->arrived);
    return !stopped;
}

/* Between the door's pieces and the program's one buffer; buffer NULL: zeros. */
static void copy_data(spd_request *request, UCHAR *buffer, bool out)
{
    uint32_t count;
    const spd_vec *pieces = spd_request_data(request, &count);

    for (uint32_t i = 0; i < count; i++) {
        if (!buffer)
            memset(pieces[i].base, 0, pieces[i].length);
        else if (out)
            memcpy(buffer, pieces[i].base, pieces[i].length);
        else
            memcpy(pieces[i].base, buffer, pieces[i].length);
        if (buffer)
            buffer += pieces[i].length;
    }
}

static UINT32 take_ranges(
    const SPD_STORAGE_UNIT_PARAMS *params, const struct job *job, SPD_UNMAP_DESCRIPTOR *descriptors)
{
    UINT32 room = params->MaxTransferLength / (UINT32)sizeof *descriptors;
    uint32_t count;
    const spd_range *ranges = spd_request_ranges(job->request, &count) + job->ranges_done;

    count -= job->ranges_done;
    if (count > room)
        count = room;
    for (uint32_t i = 0; i < count; i++)
        descriptors[i] = (SPD_UNMAP_DESCRIPTOR){
            .BlockAddress = ranges[i].lba, .BlockCount = ranges[i].blocks
        };
    return count;
}

/* Returns what struct pending has for length. */
static UINT32 take_job(const SPD_STORAGE_UNIT_PARAMS *params, const struct job *job,
    SPD_IOCTL_TRANSACT_REQ *message, PVOID data)
{
    spd_request *request = job->request;
    UINT32 blocks = spd_request_blocks(request);

    message->Kind = (UINT8)spd_request_operation(request);
    switch (message->Kind) {
    case SpdIoctlTransactUnmapKind:
        message->Op.Unmap.Count = take_ranges(params, job, data);
        return message->Op.Unmap.Count;
    case SpdIoctlTransactFlushKind:
        message->Op.Flush.BlockAddress = spd_request_lba(request);
        message->Op.Flush.BlockCount = blocks;
        return 0;
    default:
        message->Op.Read.BlockAddress = spd_request_lba(request);
        message->Op.Read.BlockCount = blocks;
        message->Op.Read.ForceUnitAccess = (spd_request_flags(request) & SPD_FUA) != 0;
        if (message->Kind == SpdIoctlTransactWriteKind)
            copy_data(request, data, true);
        return blocks * params->BlockLength;
    }
}

static DWORD library_send(
    struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer, PVOID data)
{
    const SPD_STORAGE_UNIT_STATUS *from = &answer->Status;
    struct library *library = library_of(unit);
    spd_status status = {
        .scsi_status = from->ScsiStatus,
        .sense_key = from->SenseKey,
        .asc = from->ASC,
        .ascq = from->ASCQ,
        .information_valid = from->InformationValid,
        .information = from->Information,
    };
    struct pending pending;
    struct job *job;
    uint32_t ranges = 0;

    (void)frame;
    if (!outstanding_take(&unit->outstanding, answer->Hint, &pending))
        return 0; /* late, or the second one */
    job = (struct job *)(ULONG_PTR)pending.tag;
    if (pending.kind == SpdIoctlTransactReadKind && !status.scsi_status)
        copy_data(job->request, data, false);
    if (pending.kind == SpdIoctlTransactUnmapKind && !status.scsi_status) {
        spd_request_ranges(job->request, &ranges);
        job->ranges_done += pending.length;
        if (job->ranges_done < ranges) {
            if (again(library, job))
                return 0;
            spd_status_set(&status, SENSE_KEY_ABORTED_COMMAND, 0, 0, NULL);
        }
    }
    complete(library, job, &status);
    return 0;
}

static DWORD library_receive(struct dll_unit *unit, struct frame *frame,
    SPD_IOCTL_TRANSACT_RSP *answer, SPD_IOCTL_TRANSACT_REQ *request, PVOID data)
{
    struct library *library = library_of(unit);
    struct pending pending;
    struct job *job;
    UINT64 hint;

    if (answer)
        library_send(unit, frame, answer, data);
    ZeroMemory(request, sizeof *request);
    job = next_job(library, &hint);
    if (!job)
        return ERROR_OPERATION_ABORTED;
    request->Hint = hint;
    pending = (struct pending){ .hint = hint, .tag = (UINT64)(ULONG_PTR)job };
    pending.length = take_job(&unit->base.StorageUnitParams, job, request, data);
    pending.kind = request->Kind;
    if (outstanding_add(&unit->outstanding, &pending))
        return 0;
    job->next = NULL;
    abort_jobs(library, job);
    return ERROR_NO_SYSTEM_RESOURCES;
}

/* The end of the unit, whoever wanted it. */
static DWORD WINAPI watch(void *argument)
{
    struct dll_unit *unit = argument;
    struct library *library = library_of(unit);
    int error;

    library->owner = GetCurrentThreadId();
    error = spd_unit_wait(library->spd);
    dll_unit_end(unit, error ? error_of(error) : ERROR_OPERATION_ABORTED);
    return 0;
}

static DWORD library_start(struct dll_unit *unit)
{
    struct library *library = library_of(unit);
    int error;

    if (unit->stopped || library->started)
        return 0;
    library->owner = GetCurrentThreadId();
    error = spd_unit_start(library->spd, 0);
    if (error)
        return error_of(error);
    library->owner = 0;
    library->started = true;
    library->watcher = CreateThread(NULL, 0, watch, unit, 0, NULL);
    return library->watcher ? 0 : GetLastError();
}

static void library_stop(struct dll_unit *unit)
{
    struct library *library = library_of(unit);
    struct job *waiting;

    AcquireSRWLockExclusive(&library->lock);
    library->stopped = true;
    waiting = library->first;
    library->first = NULL;
    library->end = &library->first;
    ReleaseSRWLockExclusive(&library->lock);
    WakeAllConditionVariable(&library->arrived);
    spd_unit_shutdown(library->spd);
    abort_jobs(library, waiting);
}

static void library_finish(struct dll_unit *unit)
{
    struct library *library = library_of(unit);
    struct pending pending;

    while (outstanding_take_any(&unit->outstanding, &pending)) {
        struct job *job = (struct job *)(ULONG_PTR)pending.tag;

        job->next = NULL;
        abort_jobs(library, job);
    }
    if (!library->watcher)
        return;
    WaitForSingleObject(library->watcher, INFINITE);
    CloseHandle(library->watcher);
    library->watcher = NULL;
}

static void library_close(struct dll_unit *unit)
{
    struct library *library = library_of(unit);

    library_finish(unit);
    library->owner = GetCurrentThreadId();
    spd_unit_delete(library->spd);
    while (library->free) {
        struct job *job = library->free;

        library->free = job->next;
        dll_free(job);
    }
    dll_free(library);
}

static const struct transport library_transport = {
    .start = library_start,
    .receive = library_receive,
    .send = library_send,
    .stop = library_stop,
    .finish = library_finish,
    .close = library_close,
};

/* The driver takes any text, too. */
static void copy_text(char *to, const UCHAR *from, size_t length)
{
    for (size_t i = 0; i < length && from[i] >= 0x20 && from[i] < 0x7f; i++)
        to[i] = (char)from[i];
}

/* RFC 4122's bytes are in network order. */
static void copy_guid(uint8_t bytes[16], const GUID *guid)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < sizeof order; i++)
        bytes[i] = ((const uint8_t *)guid)[order[i]];
}

static spd_params params_of(const SPD_STORAGE_UNIT_PARAMS *from)
{
    UINT32 physical = SPD_IOCTL_PARAMS_PHYSICAL_BLOCK_LENGTH(from);
    spd_params params = SPD_PARAMS_INIT;

    copy_guid(params.guid, &from->Guid);
    params.block_count = from->BlockCount;
    params.block_length = from->BlockLength;
    params.physical_block_length = physical ? physical : from->BlockLength;
    params.max_transfer_length = from->MaxTransferLength;
    params.unmap_granularity = SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(from) * from->BlockLength;
    params.grace = SPD_IOCTL_PARAMS_GRACE(from);
    params.flags = (from->WriteProtected ? SPD_WRITE_PROTECTED : 0) |
        (from->CacheSupported ? SPD_CACHE : 0) | (from->UnmapSupported ? SPD_UNMAP_SUPPORTED : 0) |
        (from->EjectDisabled ? SPD_EJECT_DISABLED : 0);
    ZeroMemory(params.product_id, sizeof params.product_id);
    ZeroMemory(params.product_revision, sizeof params.product_revision);
    copy_text(params.product_id, from->ProductId, sizeof from->ProductId);
    copy_text(params.product_revision, from->ProductRevisionLevel,
        sizeof from->ProductRevisionLevel);
    return params;
}

static DWORD set_name(struct dll_unit *unit, const char *uri)
{
    WCHAR name[NAME_MAX_BYTES];

    if (!MultiByteToWideChar(CP_UTF8, 0, uri, -1, name, NAME_MAX_BYTES))
        return ERROR_INVALID_PARAMETER;
    return dll_unit_set_name(unit, name) ? 0 : ERROR_NO_SYSTEM_RESOURCES;
}

DWORD library_open(struct dll_unit *unit, PCWSTR device_name)
{
    static const spd_ops ops = { .size = sizeof ops, .submit = submit };
    spd_params params = params_of(&unit->base.StorageUnitParams);
    char uri[NAME_MAX_BYTES];
    struct library *library;
    DWORD error;

    if (!dll_params_are_valid(&unit->base.StorageUnitParams) ||
        SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(&unit->base.StorageUnitParams) >
            UINT32_MAX / unit->base.StorageUnitParams.BlockLength ||
        !WideCharToMultiByte(
            CP_UTF8, WC_ERR_INVALID_CHARS, device_name, -1, uri, sizeof uri, NULL, NULL))
        return ERROR_INVALID_PARAMETER;
    library = dll_alloc(sizeof *library);
    if (!library)
        return ERROR_NO_SYSTEM_RESOURCES;
    library->end = &library->first;
    error = error_of(spd_unit_create(uri, &params, &ops, library, &library->spd));
    if (!error)
        error = set_name(unit, spd_unit_door_uri(library->spd, 0));
    if (error) {
        spd_unit_delete(library->spd);
        dll_free(library);
        return error;
    }
    /* The low bit tells programs that this is no device. */
    unit->base.Handle = (HANDLE)((ULONG_PTR)library | 1);
    unit->transport = &library_transport;
    return 0;
}
