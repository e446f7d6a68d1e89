/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The kernel calls, by those of an ordinary system. */

#include "shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

static pthread_mutex_t cancel_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t dispatcher = PTHREAD_MUTEX_INITIALIZER; /* timers, events, processes */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local unsigned locks_held;
static _Thread_local bool at_dirql;
static _Thread_local KIRQL irql_now; /* that it has raised; locks apart */
static _Thread_local ULONG stalled;  /* microseconds within a reset, or at any other time */

void shim_check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "# the driver broke a rule: %s\n", what);
    abort();
}

void shim_check_unlocked(const char *what)
{
    shim_check(locks_held == 0, what);
}

PVOID InterlockedCompareExchangePointer(PVOID volatile *at, PVOID value, PVOID expected)
{
    __atomic_compare_exchange_n(
        at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

PVOID InterlockedExchangePointer(PVOID volatile *at, PVOID value)
{
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
}

void KeRaiseIrql(KIRQL to, KIRQL *from)
{
    shim_check(to >= irql_now, "IRQL is raised to a lower one");
    *from = irql_now;
    irql_now = to;
}

/* A processor that does nothing at DISPATCH_LEVEL keeps everything else from it. */
void shim_stalled(ULONG microseconds)
{
    enum { STALLED_MAX = 1000 };

    stalled += microseconds;
    shim_check(stalled <= STALLED_MAX, "a processor is stalled for too long");
}

void KeLowerIrql(KIRQL to)
{
    shim_check_unlocked("IRQL is lowered with a lock held");
    shim_check(to <= irql_now, "IRQL is lowered to a higher one");
    irql_now = to;
}

bool shim_is_preemptible(void)
{
    return irql_now < DISPATCH_LEVEL;
}

BOOLEAN shim_reset_bus(ULONG path)
{
    BOOLEAN done;
    KIRQL before;

    KeRaiseIrql(DISPATCH_LEVEL, &before);
    stalled = 0;
    done = shim.entries.HwResetBus(shim.adapter, path);
    KeLowerIrql(before);
    return done;
}

void KeInitializeSpinLock(KSPIN_LOCK *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}

void KeAcquireSpinLock(KSPIN_LOCK *lock, KIRQL *irql)
{
    shim_check(!at_dirql, "a lock is taken at DIRQL");
    pthread_mutex_lock(&lock->mutex);
    *irql = (KIRQL)locks_held++;
}

void KeReleaseSpinLock(KSPIN_LOCK *lock, KIRQL irql)
{
    shim_check(locks_held == irql + 1u, "locks are released in another order");
    locks_held--;
    pthread_mutex_unlock(&lock->mutex);
    if (!locks_held && shim.released)
        shim.released();
}

SCSI_ADAPTER_CONTROL_STATUS shim_control(SCSI_ADAPTER_CONTROL_TYPE type)
{
    SCSI_ADAPTER_CONTROL_STATUS status;

    at_dirql = true;
    status = shim.entries.HwAdapterControl(shim.adapter, type, NULL);
    at_dirql = false;
    return status;
}

/* A few bytes may be moved with a lock held; data and whole structures may not. */
enum { LOCKED_COPY_MAX = 64 };

PVOID shim_copy(PVOID to, const void *from, size_t length)
{
    shim_check(!locks_held || length <= LOCKED_COPY_MAX, "data is copied with a lock held");
    if (shim.on_copy)
        shim.on_copy(length);
    return memcpy(to, from, length);
}

PVOID shim_fill(PVOID to, int byte, size_t length)
{
    shim_check(!locks_held || length <= LOCKED_COPY_MAX, "data is filled with a lock held");
    if (shim.on_copy)
        shim.on_copy(length);
    return memset(to, byte, length);
}

NTSTATUS RtlGetVersion(RTL_OSVERSIONINFOW *version)
{
    shim_check(version->dwOSVersionInfoSize == sizeof *version, "RtlGetVersion of no structure");
    version->dwMajorVersion = shim.version ? shim.version >> 8 : 10;
    version->dwMinorVersion = shim.version & 0xff;
    return STATUS_SUCCESS;
}

PVOID ExAllocatePoolWithTag(POOL_TYPE type, size_t size, ULONG tag)
{
    PVOID memory;

    (void)tag;
    shim_check((type == NonPagedPool) == (shim.version == 0x601),
        "memory is executable, or of a kind that is not there");
    shim_check_unlocked("memory is allocated with a lock held");
    if (shim.pool_fail_in && --shim.pool_fail_in == 0)
        return NULL;
    if (shim.on_allocate)
        shim.on_allocate();
    shim.pool++;
    memory = malloc(size);
    memset(memory, 0xa5, size); /* whatever was there */
    return memory;
}

void ExFreePoolWithTag(PVOID memory, ULONG tag)
{
    (void)tag;
    shim.pool--;
    free(memory);
}

/* A single timer, of a second; its DPC runs when a test lets a second pass. */
static KTIMER *armed;

void KeInitializeTimer(KTIMER *timer)
{
    timer->dpc = NULL;
}

BOOLEAN KeSetTimerEx(KTIMER *timer, LARGE_INTEGER due, LONG period, KDPC *dpc)
{
    shim_check(due.QuadPart == -10000000 && period == 1000, "the timer does not tick each second");
    pthread_mutex_lock(&dispatcher);
    timer->dpc = dpc;
    armed = timer;
    pthread_mutex_unlock(&dispatcher);
    return FALSE;
}

BOOLEAN KeCancelTimer(KTIMER *timer)
{
    bool was;

    pthread_mutex_lock(&dispatcher);
    was = armed == timer;
    armed = was ? NULL : armed;
    pthread_mutex_unlock(&dispatcher);
    return was;
}

void shim_seconds(unsigned count)
{
    while (count--) {
        KTIMER *timer;
        KIRQL before;

        pthread_mutex_lock(&dispatcher);
        timer = armed;
        pthread_mutex_unlock(&dispatcher);
        if (!timer)
            return;
        KeRaiseIrql(DISPATCH_LEVEL, &before);
        timer->dpc->routine(timer->dpc, timer->dpc->context, NULL, NULL);
        KeLowerIrql(before);
    }
}

void KeInitializeDpc(KDPC *dpc, KDEFERRED_ROUTINE *routine, PVOID context)
{
    dpc->routine = routine;
    dpc->context = context;
}

void KeFlushQueuedDpcs(void)
{
}

void KeInitializeEvent(KEVENT *event, int type, BOOLEAN state)
{
    (void)type;
    event->set = state;
}

void KeClearEvent(KEVENT *event)
{
    pthread_mutex_lock(&dispatcher);
    event->set = false;
    pthread_mutex_unlock(&dispatcher);
}

LONG KeSetEvent(KEVENT *event, LONG increment, BOOLEAN wait)
{
    (void)increment;
    (void)wait;
    pthread_mutex_lock(&dispatcher);
    event->set = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&dispatcher);
    return 0;
}

NTSTATUS KeWaitForSingleObject(
    PVOID object, int reason, int mode, BOOLEAN alertable, LARGE_INTEGER *timeout)
{
    KEVENT *event = object;

    (void)reason;
    (void)mode;
    (void)alertable;
    (void)timeout;
    shim_check_unlocked("it waits with a lock held");
    shim_check(shim_is_preemptible(), "it waits at DISPATCH_LEVEL");
    pthread_mutex_lock(&dispatcher);
    shim.waiting++;
    while (!event->set)
        pthread_cond_wait(&changed, &dispatcher);
    shim.waiting--;
    pthread_mutex_unlock(&dispatcher);
    return STATUS_SUCCESS;
}

/* Tests wait for a condition that a completion makes true. */
void shim_completed(_Atomic bool *done)
{
    pthread_mutex_lock(&dispatcher);
    *done = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&dispatcher);
}

void shim_wait(_Atomic bool *done)
{
    pthread_mutex_lock(&dispatcher);
    while (!*done)
        pthread_cond_wait(&changed, &dispatcher);
    pthread_mutex_unlock(&dispatcher);
}

/* Processes: those that live are found by their ids. */
enum { PROCESSES_MAX = 64 };
static PEPROCESS processes[PROCESSES_MAX];

PEPROCESS shim_process(ULONG id)
{
    PEPROCESS process = calloc(1, sizeof *process);

    process->references = 1;
    process->thread = calloc(1, sizeof *process->thread);
    process->thread->references = 1;
    process->id = id;
    process->user = 1;
    pthread_mutex_lock(&dispatcher);
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i])
            continue;
        processes[i] = process;
        break;
    }
    pthread_mutex_unlock(&dispatcher);
    return process;
}

void shim_process_forget(PEPROCESS process)
{
    pthread_mutex_lock(&dispatcher);
    for (unsigned i = 0; i < PROCESSES_MAX; i++)
        if (processes[i] == process)
            processes[i] = NULL;
    pthread_mutex_unlock(&dispatcher);
    ObDereferenceObject(process->thread);
    ObDereferenceObject(process);
}

LONG shim_references(PEPROCESS process)
{
    return process->references;
}

void shim_process_kill(PEPROCESS process)
{
    process->thread->terminating = true;
}

BOOLEAN PsIsThreadTerminating(PETHREAD thread)
{
    shim_check(!shim.emulated, "what Wine does not have is called there");
    return thread->terminating;
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name)
{
    shim_check(!wcscmp(name->Buffer, L"wine_ntoskrnl_main_loop"), "it looks for another function");
    return shim.emulated ? &shim : NULL;
}

unsigned shim_processes(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < PROCESSES_MAX; i++)
        count += processes[i] != NULL;
    return count;
}

void ObReferenceObject(PVOID object)
{
    volatile LONG *references = object; /* the first member of each */

    shim_check(InterlockedIncrement(references) > 1, "a dead object is referenced");
}

void ObDereferenceObject(PVOID object)
{
    volatile LONG *references = object;

    if (InterlockedDecrement(references) == 0)
        free(object);
}

HANDLE PsGetProcessId(PEPROCESS process)
{
    return (HANDLE)(ULONG_PTR)process->id;
}

NTSTATUS PsLookupProcessByProcessId(HANDLE id, PEPROCESS *process)
{
    NTSTATUS status = STATUS_UNSUCCESSFUL;

    pthread_mutex_lock(&dispatcher);
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        if (!processes[i] || processes[i]->id != (ULONG)(ULONG_PTR)id)
            continue;
        *process = processes[i];
        ObReferenceObject(*process);
        status = STATUS_SUCCESS;
        break;
    }
    pthread_mutex_unlock(&dispatcher);
    return status;
}

DRIVER_CANCEL *IoSetCancelRoutine(PIRP irp, DRIVER_CANCEL *routine)
{
    return __atomic_exchange_n(&irp->cancel, routine, __ATOMIC_SEQ_CST);
}

void IoReleaseCancelSpinLock(KIRQL irql)
{
    (void)irql;
    pthread_mutex_unlock(&cancel_lock);
}

void shim_ioctl_cancel(PIRP irp)
{
    DRIVER_CANCEL *routine;

    pthread_mutex_lock(&cancel_lock);
    irp->Cancel = TRUE;
    routine = IoSetCancelRoutine(irp, NULL);
    if (routine)
        routine(NULL, irp);
    else
        pthread_mutex_unlock(&cancel_lock);
}

PEPROCESS IoGetRequestorProcess(PIRP irp)
{
    return irp->left ? NULL : irp->process;
}

ULONG DbgPrintEx(ULONG component, ULONG level, const char *format, ...)
{
    shim_check(component == 77 && level <= 3, "it prints as another component");
    shim_check(!strstr(format, "ls"), "it prints wide text, for which IRQL may be too high");
    shim.debug_lines++;
    return 0;
}

/* The registry: the values that the test has set, all in the one key there is. */
void RtlInitUnicodeString(PUNICODE_STRING string, const WCHAR *text)
{
    string->Buffer = (WCHAR *)(uintptr_t)text;
    string->Length = (USHORT)(wcslen(text) * sizeof *text);
    string->MaximumLength = string->Length;
}

NTSTATUS ZwOpenKey(HANDLE *key, ULONG access, OBJECT_ATTRIBUTES *attributes)
{
    (void)access;
    if (!attributes->ObjectName)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    *key = &shim;
    return STATUS_SUCCESS;
}

NTSTATUS ZwQueryValueKey(HANDLE key, PUNICODE_STRING name, int what, PVOID value, ULONG length,
    ULONG *needed)
{
    KEY_VALUE_PARTIAL_INFORMATION *information = value;
    ULONG number = !wcscmp(name->Buffer, L"StorageUnitCapacity") ? shim.capacity : shim.timeout;

    (void)key;
    (void)what;
    *needed = offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data) + sizeof number;
    if (!number || length < *needed)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    information->Type = shim.registry_type ? shim.registry_type : REG_DWORD;
    information->DataLength = sizeof number;
    memcpy(information->Data, &number, sizeof number);
    return STATUS_SUCCESS;
}
