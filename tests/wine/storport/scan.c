/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The adapter's thread. It may wait, which the dispatch routines must not: it looks for units after
 * a bus change, and ends SRBs that are late the way StorPort does: by resets, of the unit first.
 */

#include "double.h"

#define TICK 2000000 /* 200 ms */
#define AFTER_RESET 20000000 /* 2 s */

static const UCHAR inquiry_cdb[6] = { SCSIOP_INQUIRY, 0, 0, 0, 36, 0 };
static const UCHAR capacity_cdb[16] = { 0x9e, 0x10, [13] = 32 };
static const UCHAR serial_cdb[6] = { SCSIOP_INQUIRY, 1, 0x80, 1, 0, 0 };
static const UCHAR ids_cdb[6] = { SCSIOP_INQUIRY, 1, 0x83, 1, 0, 0 };

/* TRUE: GOOD, and the data are in out. A unit attention is taken and the command repeated. */
static BOOLEAN ask(struct adapter *adapter, ULONG btl, const UCHAR *cdb, UCHAR cdb_length,
    UCHAR *out, ULONG length)
{
    BOOLEAN good = FALSE;
    unsigned attempt;

    for (attempt = 0; attempt < 4 && !good; attempt++) {
        struct request *request = request_new(adapter, btl, length);
        BOOLEAN again;

        if (!request)
            return FALSE;
        request_set_cdb(request, cdb, cdb_length, SCSI_IOCTL_DATA_IN);
        request_issue_and_wait(request, 30);
        good = SRB_STATUS(request->srb.SrbStatus) == SRB_STATUS_SUCCESS ||
            SRB_STATUS(request->srb.SrbStatus) == SRB_STATUS_DATA_OVERRUN;
        again = request->srb.ScsiStatus == SCSISTAT_CHECK_CONDITION &&
            (request->sense[2] & 15) == SCSI_SENSE_UNIT_ATTENTION;
        if (good) {
            RtlZeroMemory(out, length);
            RtlCopyMemory(out, request->buffer, request->srb.DataTransferLength);
        }
        request_free(request);
        if (!again)
            break;
    }
    return good;
}

static ULONG be32(const UCHAR *bytes)
{
    return (ULONG)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Windows builds no disk of a unit whose product id is no text. */
static BOOLEAN is_disk(const UCHAR *inquiry)
{
    return inquiry[0] == 0 && inquiry[16] != 0;
}

/* A disk keeps the serial number that it has when a reset ends the question. */
static BOOLEAN identify(struct adapter *adapter, ULONG btl, const struct disk *disk,
    struct identity *identity)
{
    RtlZeroMemory(identity, sizeof *identity);
    if (!ask(adapter, btl, inquiry_cdb, 6, identity->inquiry, sizeof identity->inquiry) ||
        !is_disk(identity->inquiry))
        return FALSE;
    if (!ask(adapter, btl, serial_cdb, 6, identity->serial, sizeof identity->serial) && disk)
        RtlCopyMemory(identity->serial, disk->identity.serial, sizeof identity->serial);
    return TRUE;
}

static void add_disk(struct adapter *adapter, ULONG btl, const struct identity *identity)
{
    UCHAR capacity[32];
    struct disk *disk;

    if (!ask(adapter, btl, capacity_cdb, 16, capacity, 32))
        return;
    disk = disk_create(adapter, btl);
    if (!disk)
        return;
    disk->identity = *identity;
    disk->block_count = ((ULONGLONG)be32(capacity) << 32 | be32(capacity + 4)) + 1;
    disk->block_length = be32(capacity + 8);
    ask(adapter, btl, ids_cdb, 6, disk->ids, sizeof disk->ids);
    disk_appears(disk);
}

/* Another unit at the same address is another disk, even while a program has the old one open. */
static void scan_unit(struct adapter *adapter, ULONG btl)
{
    struct disk *disk = disk_at(adapter, btl);
    struct identity identity;
    BOOLEAN there = identify(adapter, btl, disk, &identity);

    if (disk && there &&
        RtlCompareMemory(&disk->identity, &identity, sizeof identity) == sizeof identity)
        return;
    /* The PnP manager removes only what it has heard of, so a new disk stays until then. */
    if (disk && !disk_is_reported(disk)) {
        InterlockedExchange(&adapter->rescan, 1);
        return;
    }
    if (disk)
        disk_vanishes(disk);
    if (there)
        add_disk(adapter, btl, &identity);
}

static void scan(struct adapter *adapter)
{
    ULONG bus, target;

    for (bus = 0; bus < adapter->config.NumberOfBuses; bus++)
        for (target = 0; target < adapter->config.MaximumNumberOfTargets && !adapter->stopping;
             target++)
            scan_unit(adapter, ADDRESS(bus, target));
    if (!adapter->stopping && !adapter->is_silent && disks_changed(adapter))
        IoInvalidateDeviceRelations(adapter->pdo, BusRelations);
}

/* Needed parts of a late SRB are copied: it may be completed at any time. */
struct late {
    struct request *request;
    ULONG resets;
    ULONG btl;
};

static BOOLEAN find_late(struct adapter *adapter, struct late *late)
{
    ULONGLONG time = now();
    LIST_ENTRY *entry;
    KIRQL irql;

    late->request = NULL;
    KeAcquireSpinLock(&adapter->lock, &irql);
    for (entry = adapter->requests.Flink; entry != &adapter->requests && !late->request;
         entry = entry->Flink) {
        struct request *request = CONTAINING_RECORD(entry, struct request, entry);

        if (request->deadline > time)
            continue;
        late->request = request;
        late->resets = ++request->resets;
        late->btl = ADDRESS(request->srb.PathId, request->srb.TargetId);
        request->deadline = time + AFTER_RESET;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return late->request != NULL;
}

static void reset_unit(struct adapter *adapter, ULONG btl)
{
    struct request *request = request_new(adapter, btl, 0);

    if (!request)
        return;
    request->srb.Function = SRB_FUNCTION_RESET_LOGICAL_UNIT;
    request_issue_and_wait(request, 30);
    request_free(request);
}

static void end_late_requests(struct adapter *adapter)
{
    struct late late;

    while (!adapter->stopping && find_late(adapter, &late)) {
        judge_note("an SRB of unit %u is late, reset %u", ADDRESS_NUMBER(late.btl),
            (unsigned)late.resets);
        if (late.resets == 1)
            reset_unit(adapter, late.btl);
        else if (late.resets == 2)
            reset_bus(adapter, ADDRESS_BUS(late.btl));
        else
            request_give_up(adapter, late.request);
    }
}

static VOID NTAPI scan_thread(PVOID context)
{
    struct adapter *adapter = context;
    LARGE_INTEGER tick = { .QuadPart = -TICK };

    while (!adapter->stopping) {
        KeWaitForSingleObject(&adapter->wake, Executive, KernelMode, FALSE, &tick);
        if (InterlockedExchange(&adapter->rescan, 0) && !adapter->stopping)
            scan(adapter);
        end_late_requests(adapter);
        judge_log_write();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NTSTATUS scan_start(struct adapter *adapter)
{
    HANDLE handle;
    NTSTATUS status = PsCreateSystemThread(
        &handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, scan_thread, adapter);

    if (status)
        return status;
    /* MinGW's PsThreadType would dereference once too often. */
    status = ObReferenceObjectByHandle(
        handle, SYNCHRONIZE, NULL, KernelMode, &adapter->thread, NULL);
    ZwClose(handle);
    scan_request(adapter);
    return status;
}

void scan_stop(struct adapter *adapter)
{
    KeSetEvent(&adapter->wake, IO_NO_INCREMENT, FALSE);
    if (!adapter->thread)
        return;
    KeWaitForSingleObject(adapter->thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(adapter->thread);
    adapter->thread = NULL;
}

void scan_request(struct adapter *adapter)
{
    InterlockedExchange(&adapter->rescan, 1);
    KeSetEvent(&adapter->wake, IO_NO_INCREMENT, FALSE);
}
