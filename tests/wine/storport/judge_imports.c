/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The miniport's imports are led through the judge, as Driver Verifier does it: its import address
 * table is written to after it was loaded.
 */

#define CALLS_OF_THE_MINIPORT /* the double makes them in its name */
#include "double.h"
#include <ntimage.h>

#if defined(_WIN64)
static KIRQL NTAPI acquire(PKSPIN_LOCK lock)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(lock);

    judge_lock_taken();
    return irql;
}

static VOID NTAPI release(PKSPIN_LOCK lock, KIRQL irql)
{
    judge_lock_released();
    KeReleaseSpinLock(lock, irql);
}
#else
static KIRQL FASTCALL acquire(PKSPIN_LOCK lock)
{
    KIRQL irql = KfAcquireSpinLock(lock);

    judge_lock_taken();
    return irql;
}

static VOID FASTCALL release(PKSPIN_LOCK lock, KIRQL irql)
{
    judge_lock_released();
    KfReleaseSpinLock(lock, irql);
}
#endif

static VOID FASTCALL acquire_in_stack(PKSPIN_LOCK lock, PKLOCK_QUEUE_HANDLE handle)
{
    KeAcquireInStackQueuedSpinLock(lock, handle);
    judge_lock_taken();
}

static VOID FASTCALL release_in_stack(PKLOCK_QUEUE_HANDLE handle)
{
    judge_lock_released();
    KeReleaseInStackQueuedSpinLock(handle);
}

static VOID FASTCALL complete(PIRP irp, CCHAR boost)
{
    judge_unlocked("IoCompleteRequest");
    IofCompleteRequest(irp, boost);
}

static NTSTATUS NTAPI wait_single(PVOID object, KWAIT_REASON reason, KPROCESSOR_MODE mode,
    BOOLEAN alertable, PLARGE_INTEGER until)
{
    if (!until || until->QuadPart)
        judge_passive("KeWaitForSingleObject");
    return KeWaitForSingleObject(object, reason, mode, alertable, until);
}

static NTSTATUS NTAPI delay(KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER interval)
{
    judge_passive("KeDelayExecutionThread");
    return KeDelayExecutionThread(mode, alertable, interval);
}

static NTSTATUS NTAPI open_key(PHANDLE key, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes)
{
    judge_passive("ZwOpenKey");
    return ZwOpenKey(key, access, attributes);
}

static NTSTATUS NTAPI query_value(HANDLE key, PUNICODE_STRING name,
    KEY_VALUE_INFORMATION_CLASS kind, PVOID out, ULONG length, PULONG needed)
{
    judge_passive("ZwQueryValueKey");
    return ZwQueryValueKey(key, name, kind, out, length, needed);
}

static NTSTATUS NTAPI close(HANDLE handle)
{
    judge_passive("ZwClose");
    return ZwClose(handle);
}

static NTSTATUS NTAPI look_up(HANDLE id, PEPROCESS *process)
{
    judge_passive("PsLookupProcessByProcessId");
    return PsLookupProcessByProcessId(id, process);
}

static PIRP NTAPI build_request(ULONG code, PDEVICE_OBJECT device, PVOID in, ULONG in_length,
    PVOID out, ULONG out_length, BOOLEAN internal, PKEVENT event, PIO_STATUS_BLOCK status)
{
    judge_passive("IoBuildDeviceIoControlRequest");
    return IoBuildDeviceIoControlRequest(
        code, device, in, in_length, out, out_length, internal, event, status);
}

static VOID NTAPI flush_dpcs(VOID)
{
    judge_passive("KeFlushQueuedDpcs");
    KeFlushQueuedDpcs();
}

static NTSTATUS NTAPI get_version(PRTL_OSVERSIONINFOW version)
{
    judge_passive("RtlGetVersion");
    return RtlGetVersion(version);
}

/* The miniport's timers. Slots stay taken: a DPC may run until its memory is another's. */
static struct judged_dpc {
    PKDPC volatile dpc;
    PKDEFERRED_ROUTINE routine;
    PVOID context;
} dpcs[16];

static VOID NTAPI run_dpc(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2)
{
    const struct judged_dpc *judged = context;

    judge_raise();
    judged->routine(dpc, judged->context, argument1, argument2);
    judge_lower();
}

static VOID NTAPI initialize_dpc(PKDPC dpc, PKDEFERRED_ROUTINE routine, PVOID context)
{
    unsigned i;

    for (i = 0; i < sizeof dpcs / sizeof *dpcs; i++) {
        PKDPC old = InterlockedCompareExchangePointer((PVOID volatile *)&dpcs[i].dpc, dpc, NULL);

        if (old && old != dpc)
            continue;
        dpcs[i].routine = routine;
        dpcs[i].context = context;
        KeInitializeDpc(dpc, run_dpc, &dpcs[i]);
        return;
    }
    judge_note("a DPC is not judged");
    KeInitializeDpc(dpc, routine, context);
}

static const struct {
    const char *name;
    const void *judged;
} judged_calls[] = {
    { "ExAllocatePoolWithTag", judge_allocate },
    { "ExFreePoolWithTag", judge_free_with_tag },
    { "ExFreePool", judge_free },
    { "KeAcquireSpinLockRaiseToDpc", acquire },
    { "KfAcquireSpinLock", acquire },
    { "KeReleaseSpinLock", release },
    { "KfReleaseSpinLock", release },
    { "KeAcquireInStackQueuedSpinLock", acquire_in_stack },
    { "KeReleaseInStackQueuedSpinLock", release_in_stack },
    { "IofCompleteRequest", complete },
    { "KeWaitForSingleObject", wait_single },
    { "KeDelayExecutionThread", delay },
    { "ZwOpenKey", open_key },
    { "ZwQueryValueKey", query_value },
    { "ZwClose", close },
    { "PsLookupProcessByProcessId", look_up },
    { "IoBuildDeviceIoControlRequest", build_request },
    { "KeFlushQueuedDpcs", flush_dpcs },
    { "RtlGetVersion", get_version },
    { "KeInitializeDpc", initialize_dpc },
};

static BOOLEAN same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static const void *judged_call(const char *name)
{
    unsigned i;

    for (i = 0; i < sizeof judged_calls / sizeof *judged_calls; i++)
        if (same(name, judged_calls[i].name))
            return judged_calls[i].judged;
    return NULL;
}

/* NULL: it has an ordinal. A thunk of the names has an RVA, but the loaders of some NT kernels put
 * addresses in their place; on x86 these look like ordinals. */
static const char *import_name(const UCHAR *image, ULONG size, ULONG_PTR thunk)
{
    const IMAGE_IMPORT_BY_NAME *import;

    if (thunk - (ULONG_PTR)image < size)
        import = (const void *)thunk;
    else if (thunk < size)
        import = (const void *)(image + thunk);
    else
        return NULL;
    return (const char *)import->Name;
}

static unsigned replace_all(UCHAR *image, ULONG size, const IMAGE_IMPORT_DESCRIPTOR *library)
{
    const IMAGE_THUNK_DATA *thunk = (const void *)(image + library->OriginalFirstThunk);
    ULONG_PTR *slot = (ULONG_PTR *)(image + library->FirstThunk);
    unsigned count = 0;

    for (; thunk->u1.AddressOfData; thunk++, slot++) {
        const char *name = import_name(image, size, thunk->u1.AddressOfData);
        const void *call = name ? judged_call(name) : NULL;

        if (call) {
            replace_import(slot, call);
            count++;
        }
    }
    return count;
}

BOOLEAN judge_imports(DRIVER_OBJECT *driver)
{
    UCHAR *image = driver->DriverStart;
    const IMAGE_DOS_HEADER *dos = (const void *)image;
    const IMAGE_NT_HEADERS *headers = (const void *)(image + dos->e_lfanew);
    const IMAGE_DATA_DIRECTORY *directory =
        &headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    const IMAGE_IMPORT_DESCRIPTOR *library = (const void *)(image + directory->VirtualAddress);
    unsigned count = 0;

    if (dos->e_magic == IMAGE_DOS_SIGNATURE && directory->VirtualAddress)
        for (; library->Name; library++)
            count += replace_all(image, headers->OptionalHeader.SizeOfImage, library);
    if (!count) {
        judge_finding("none of the miniport's imports can be judged");
        return FALSE;
    }
    judge_note("%u imports are judged", count);
    return TRUE;
}
