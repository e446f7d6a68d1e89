/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An SRB, from issue to completion. A completed SRB is buried with its extension and its data,
 * all filled with a pattern, and looked at again when it is dug up: a miniport that still writes to
 * it is found out.
 */

#include "double.h"

#define REQUEST_MAGIC 0x54534552
#define DEAD 0xdd
#define DEAD_WORD 0xddddddddddddddddULL
#define GRAVES 64

enum { REQUEST_NEW, REQUEST_ISSUED, REQUEST_COMPLETED, REQUEST_GIVEN_UP };

static LIST_ENTRY graveyard = { &graveyard, &graveyard };
static KSPIN_LOCK graveyard_lock;
static ULONG graves;

/* In units of 100 ns. */
ULONGLONG now(void)
{
    LARGE_INTEGER frequency, time = KeQueryPerformanceCounter(&frequency);

    return (ULONGLONG)time.QuadPart * 10000 / ((ULONGLONG)frequency.QuadPart / 1000);
}

struct request *request_new(struct adapter *adapter, ULONG btl, ULONG length)
{
    ULONG extension = adapter->miniport->hw.SrbExtensionSize;
    struct request *request = ExAllocatePoolWithTag(NonPagedPool, sizeof *request, TAG);

    if (!request)
        return NULL;
    RtlZeroMemory(request, sizeof *request);
    request->magic = REQUEST_MAGIC;
    request->adapter = adapter;
    request->length = length;
    request->srb.Length = sizeof request->srb;
    request->srb.PathId = ADDRESS_BUS(btl);
    request->srb.TargetId = ADDRESS_TARGET(btl);
    request->srb.Lun = (UCHAR)btl;
    request->srb.DataTransferLength = length;
    request->srb.SrbExtension = ExAllocatePoolWithTag(NonPagedPool, extension + 16, TAG);
    if (length)
        request->buffer = ExAllocatePoolWithTag(NonPagedPool, length, TAG);
    if (!request->srb.SrbExtension || (length && !request->buffer)) {
        if (request->srb.SrbExtension)
            ExFreePoolWithTag(request->srb.SrbExtension, TAG);
        ExFreePoolWithTag(request, TAG);
        return NULL;
    }
    /* StorPort does not zero it. */
    RtlFillMemory(request->srb.SrbExtension, extension, 0xa5);
    return request;
}

void request_set_cdb(struct request *request, const UCHAR *cdb, UCHAR length, UCHAR direction)
{
    SCSI_REQUEST_BLOCK *srb = &request->srb;

    srb->Function = SRB_FUNCTION_EXECUTE_SCSI;
    srb->CdbLength = length;
    RtlCopyMemory(srb->Cdb, cdb, length);
    srb->QueueAction = SRB_SIMPLE_TAG_REQUEST;
    srb->SrbFlags = SRB_FLAGS_QUEUE_ACTION_ENABLE | SRB_FLAGS_NO_QUEUE_FREEZE;
    if (direction == SCSI_IOCTL_DATA_IN)
        srb->SrbFlags |= SRB_FLAGS_DATA_IN;
    else if (direction == SCSI_IOCTL_DATA_OUT)
        srb->SrbFlags |= SRB_FLAGS_DATA_OUT;
    srb->SenseInfoBuffer = request->sense;
    srb->SenseInfoBufferLength = sizeof request->sense;
}

/* MapBuffers of the adapter leaves the buffers of these unmapped. */
BOOLEAN request_moves_blocks(const struct request *request)
{
    if (request->srb.Function != SRB_FUNCTION_EXECUTE_SCSI)
        return FALSE;
    switch (request->srb.Cdb[0]) {
    case SCSIOP_READ6:
    case SCSIOP_WRITE6:
    case SCSIOP_READ:
    case SCSIOP_WRITE:
    case 0xa8: /* READ(12) */
    case 0xaa: /* WRITE(12) */
    case 0x88: /* READ(16) */
    case 0x8a: /* WRITE(16) */
        return TRUE;
    default:
        return FALSE;
    }
}

void request_issue(struct request *request, ULONG seconds)
{
    struct adapter *adapter = request->adapter;
    const VIRTUAL_HW_INITIALIZATION_DATA *hw = &adapter->miniport->hw;
    SCSI_REQUEST_BLOCK *srb = &request->srb;
    BOOLEAN started;
    KIRQL irql;

    srb->TimeOutValue = seconds;
    srb->SrbStatus = SRB_STATUS_PENDING;
    srb->DataBuffer = request->buffer;
    if (request->length && hw->MapBuffers == STOR_MAP_NON_READ_WRITE_BUFFERS &&
        request_moves_blocks(request))
        srb->DataBuffer = (PVOID)0x1000; /* unmapped: a fault for who does not ask */
    request->deadline = now() + seconds * 10000000ULL;
    request->state = REQUEST_ISSUED;
    KeAcquireSpinLock(&adapter->lock, &irql);
    InsertTailList(&adapter->requests, &request->entry);
    adapter->request_count++;
    KeReleaseSpinLock(&adapter->lock, irql);
    judge_raise();
    started = hw->HwStartIo(adapter->extension, srb);
    judge_lower();
    if (!started)
        judge_finding("HwStartIo returns FALSE");
}

BOOLEAN reset_bus(struct adapter *adapter, ULONG path)
{
    BOOLEAN done;

    judge_raise();
    done = adapter->miniport->hw.HwResetBus(adapter->extension, path);
    judge_lower();
    return done;
}

/* Under adapter->lock: list entries only, so that a stray address is never followed. */
static struct request *find(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb)
{
    LIST_ENTRY *entry;

    for (entry = adapter->requests.Flink; entry != &adapter->requests; entry = entry->Flink) {
        struct request *request = CONTAINING_RECORD(entry, struct request, entry);

        if (&request->srb == srb)
            return request;
    }
    return NULL;
}

struct request *request_of_srb(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb)
{
    struct request *request;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    request = find(adapter, srb);
    KeReleaseSpinLock(&adapter->lock, irql);
    return request;
}

/* Memory that the miniport uses: SRBs, their extensions and data. */
BOOLEAN requests_hold(struct adapter *adapter, ULONG_PTR address)
{
    ULONG extension = adapter->miniport->hw.SrbExtensionSize;
    BOOLEAN found = FALSE;
    LIST_ENTRY *entry;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->requests.Flink; entry != &adapter->requests && !found;
         entry = entry->Flink) {
        struct request *request = CONTAINING_RECORD(entry, struct request, entry);

        found = address - (ULONG_PTR)&request->srb < sizeof request->srb ||
            address - (ULONG_PTR)request->srb.SrbExtension < extension ||
            address - (ULONG_PTR)request->buffer < request->length;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return found;
}

static void judge_result(const struct request *request)
{
    const SCSI_REQUEST_BLOCK *srb = &request->srb;

    if (srb->SrbStatus == SRB_STATUS_PENDING)
        judge_finding("an SRB is completed as pending, function %02x", srb->Function);
    if (srb->DataTransferLength > request->length)
        judge_finding("an SRB of %u bytes is completed with %u, CDB %02x",
            (unsigned)request->length, (unsigned)srb->DataTransferLength, srb->Cdb[0]);
    if (srb->SrbStatus & SRB_STATUS_QUEUE_FROZEN)
        judge_finding("a miniport freezes a queue");
    if (srb->Function == SRB_FUNCTION_EXECUTE_SCSI && srb->ScsiStatus == SCSISTAT_CHECK_CONDITION &&
        !(srb->SrbStatus & SRB_STATUS_AUTOSENSE_VALID))
        judge_finding("CHECK CONDITION without sense, CDB %02x", srb->Cdb[0]);
}

void request_completed(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb)
{
    struct request *request;
    KIRQL irql;

    judge_unlocked("StorPortNotification(RequestComplete)");
    KeAcquireSpinLock(&adapter->lock, &irql);
    request = find(adapter, srb);
    if (request) {
        RemoveEntryList(&request->entry);
        adapter->request_count--;
        request->state = REQUEST_COMPLETED;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!request) {
        judge_finding("an SRB is completed that the miniport does not have: twice, or too late");
        return;
    }
    judge_result(request);
    request->done(request);
}

static BOOLEAN still_there(struct adapter *adapter, const struct request *request)
{
    LIST_ENTRY *entry;

    for (entry = adapter->requests.Flink; entry != &adapter->requests; entry = entry->Flink)
        if (entry == &request->entry)
            return TRUE;
    return FALSE;
}

/* The memory is never freed: the miniport may still write to it. */
void request_give_up(struct adapter *adapter, struct request *request)
{
    BOOLEAN ours;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    ours = still_there(adapter, request);
    if (ours) {
        RemoveEntryList(&request->entry);
        adapter->request_count--;
        request->state = REQUEST_GIVEN_UP;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!ours)
        return;
    judge_finding("an SRB is never completed: function %02x, CDB %02x, unit %u",
        request->srb.Function, request->srb.Cdb[0], request->srb.TargetId);
    request->srb.SrbStatus = SRB_STATUS_TIMEOUT;
    request->done(request);
}

static void signal_done(struct request *request)
{
    KeSetEvent(request->event, IO_NO_INCREMENT, FALSE);
}

/* Only on threads of the double's own: the dispatcher must never wait. */
void request_issue_and_wait(struct request *request, ULONG seconds)
{
    LARGE_INTEGER timeout = { .QuadPart = -(LONGLONG)(seconds + 1) * 10000000 };
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    request->event = &event;
    request->done = signal_done;
    request_issue(request, seconds);
    if (KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout)) {
        request_give_up(request->adapter, request);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
}

/* By words: byte by byte, the judge would cost more than what it judges. Pool is aligned. */
static BOOLEAN all_dead(const void *memory, SIZE_T length)
{
    const ULONGLONG *words = memory;
    const UCHAR *bytes = memory;
    ULONGLONG alive = 0;
    SIZE_T i;

    for (i = 0; i < length / sizeof *words; i++)
        alive |= words[i] ^ DEAD_WORD;
    for (i *= sizeof *words; i < length; i++)
        alive |= bytes[i] ^ DEAD;
    return !alive;
}

static void exhume(struct request *request)
{
    ULONG extension = request->adapter->miniport->hw.SrbExtensionSize;
    PVOID extension_memory = *(PVOID *)request->sense;

    if (!all_dead(&request->srb, sizeof request->srb) ||
        !all_dead(extension_memory, extension))
        judge_finding("a completed SRB is written to");
    if (request->buffer && !all_dead(request->buffer, request->length))
        judge_finding("the data of a completed SRB are written to");
    if (request->buffer)
        ExFreePoolWithTag(request->buffer, TAG);
    ExFreePoolWithTag(extension_memory, TAG);
    ExFreePoolWithTag(request, TAG);
}

void request_free(struct request *request)
{
    ULONG extension = request->adapter->miniport->hw.SrbExtensionSize;
    struct request *oldest = NULL;
    PVOID extension_memory = request->srb.SrbExtension;
    KIRQL irql;

    if (request->state == REQUEST_GIVEN_UP)
        return;
    if (request->buffer)
        RtlFillMemory(request->buffer, request->length, DEAD);
    RtlFillMemory(extension_memory, extension, DEAD);
    RtlFillMemory(&request->srb, sizeof request->srb, DEAD);
    *(PVOID *)request->sense = extension_memory;
    KeAcquireSpinLock(&graveyard_lock, &irql);
    InsertTailList(&graveyard, &request->entry);
    if (graves < GRAVES)
        graves++;
    else
        oldest = CONTAINING_RECORD(RemoveHeadList(&graveyard), struct request, entry);
    KeReleaseSpinLock(&graveyard_lock, irql);
    if (oldest)
        exhume(oldest);
}

/* Before the miniport's data go away. */
void requests_bury_all(void)
{
    while (!IsListEmpty(&graveyard))
        exhume(CONTAINING_RECORD(RemoveHeadList(&graveyard), struct request, entry));
    graves = 0;
}

/* The answer of pass-through to an SRB that failed before the unit had a status. */
NTSTATUS request_status(const struct request *request)
{
    switch (SRB_STATUS(request->srb.SrbStatus)) {
    case SRB_STATUS_SUCCESS:
        return STATUS_SUCCESS;
    case SRB_STATUS_DATA_OVERRUN:
        return STATUS_BUFFER_OVERFLOW;
    case SRB_STATUS_ERROR:
        return request->srb.ScsiStatus ? STATUS_SUCCESS : STATUS_IO_DEVICE_ERROR;
    case SRB_STATUS_INVALID_REQUEST:
        return STATUS_INVALID_DEVICE_REQUEST;
    case SRB_STATUS_NO_DEVICE:
    case SRB_STATUS_INVALID_PATH_ID:
    case SRB_STATUS_INVALID_TARGET_ID:
    case SRB_STATUS_INVALID_LUN:
    case SRB_STATUS_SELECTION_TIMEOUT:
        return STATUS_DEVICE_DOES_NOT_EXIST;
    case SRB_STATUS_BUSY:
        return STATUS_DEVICE_BUSY;
    case SRB_STATUS_TIMEOUT:
    case SRB_STATUS_COMMAND_TIMEOUT:
        return STATUS_IO_TIMEOUT;
    case SRB_STATUS_INTERNAL_ERROR:
        return request->srb.InternalStatus ? (NTSTATUS)request->srb.InternalStatus
                                           : STATUS_INVALID_PARAMETER;
    default:
        return STATUS_IO_DEVICE_ERROR;
    }
}
