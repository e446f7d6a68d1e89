/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * WinSpd on Windows: an ordinary program is a disk, in C and C++.
 *
 *     SpdStorageUnitCreate(NULL, &Params, &Interface, &StorageUnit);
 *     SpdStorageUnitStartDispatcher(StorageUnit, 0);
 *     SpdStorageUnitWaitDispatcher(StorageUnit);
 *     SpdStorageUnitDelete(StorageUnit);
 *
 * Functions that return DWORD return a Win32 error, 0 for success. Every function may be called
 * from any thread, unless its comment restricts that. The same disk, written for <spd/spd.h>, also
 * runs on other systems.
 */

#ifndef WINSPD_WINSPD_H_INCLUDED
#define WINSPD_WINSPD_H_INCLUDED

#include <stdarg.h>
#include <stddef.h>
#include <windows.h>
#include <winspd/scsi.h>
#include <winspd/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef SPD_IOCTL_STORAGE_UNIT_PARAMS SPD_STORAGE_UNIT_PARAMS;
typedef SPD_IOCTL_STORAGE_UNIT_STATUS SPD_STORAGE_UNIT_STATUS;
typedef SPD_IOCTL_UNMAP_DESCRIPTOR SPD_UNMAP_DESCRIPTOR;
typedef struct _SPD_STORAGE_UNIT SPD_STORAGE_UNIT;

/*
 * The functions that serve the unit. They are called in parallel on the dispatcher threads, in no
 * particular order. A call never exceeds MaxTransferLength bytes, and its range is within the unit
 * (through the pipe, too). Status is GOOD on entry: leave it for success. TRUE: done. FALSE: the
 * response comes later, by SpdStorageUnitSendResponse with Hint and Kind of the operation context,
 * which like Buffer are not valid after the return. A NULL member fails its commands with ILLEGAL
 * REQUEST.
 */
typedef struct _SPD_STORAGE_UNIT_INTERFACE {
    /* Flush: the medium itself, not a cache (FUA); always so without CacheSupported. */
    BOOLEAN(SPD_CALL *Read)(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer, UINT64 BlockAddress,
        UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status);
    BOOLEAN(SPD_CALL *Write)(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer, UINT64 BlockAddress,
        UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status);
    /* BlockCount 0: to the end of the medium. */
    BOOLEAN(SPD_CALL *Flush)(SPD_STORAGE_UNIT *StorageUnit, UINT64 BlockAddress, UINT32 BlockCount,
        SPD_STORAGE_UNIT_STATUS *Status);
    BOOLEAN(SPD_CALL *Unmap)(SPD_STORAGE_UNIT *StorageUnit, SPD_UNMAP_DESCRIPTOR Descriptors[],
        UINT32 Count, SPD_STORAGE_UNIT_STATUS *Status);
    BOOLEAN(SPD_CALL *Reserved[12])(void); /* 0 */
} SPD_STORAGE_UNIT_INTERFACE;

/* Read it; write only UserContext. */
struct _SPD_STORAGE_UNIT {
    UINT16 Version;
    PVOID UserContext; /* the program's */
    SPD_STORAGE_UNIT_PARAMS StorageUnitParams;
    const SPD_STORAGE_UNIT_INTERFACE *Interface;
    PVOID(SPD_CALL *BufferAlloc)(size_t Size);
    VOID(SPD_CALL *BufferFree)(PVOID Pointer);
    HANDLE Handle;
    UINT32 Btl;
    DWORD DispatcherThreadId;
    HANDLE DispatcherThread;
    ULONG DispatcherThreadCount;
    DWORD DispatcherError;
    UINT32 DebugLog;
};

typedef struct _SPD_STORAGE_UNIT_OPERATION_CONTEXT {
    SPD_IOCTL_TRANSACT_REQ *Request;
    SPD_IOCTL_TRANSACT_RSP *Response;
    PVOID DataBuffer;
} SPD_STORAGE_UNIT_OPERATION_CONTEXT;

/*
 * Storage units. Create, StartDispatcher, WaitDispatcher, Delete, in this order; Shutdown, from any
 * thread, ends the wait.
 */

/* DeviceName NULL: a disk of this system, by the WinSpd driver. \\.\pipe\NAME: a pipe. SCHEME:...,
 * without a backslash: a URI of <spd/spd.h>. With iscsi://127.0.0.1:3260/IQN, iSCSI initiators of
 * this and other systems can attach the disk, without a driver. Anything else: the adapter of that
 * name. Interface is kept, Params are copied.
 *
 * ERROR_INVALID_PARAMETER: for a URI or its query, spd_error_detail() on this thread says what is
 * wrong. WSAEADDRNOTAVAIL, WSAEADDRINUSE: its address. ERROR_NOT_SUPPORTED: this system has no such
 * door. ERROR_ALREADY_EXISTS: the adapter or this process has a disk with this Guid. */
DWORD SPD_CALL SpdStorageUnitCreate(PWSTR DeviceName,
    const SPD_STORAGE_UNIT_PARAMS *StorageUnitParams, const SPD_STORAGE_UNIT_INTERFACE *Interface,
    SPD_STORAGE_UNIT **PStorageUnit);
/* Not of the original: the name that clients use. It has the values that were chosen when the unit
 * was created, such as the port for 0 in a URI or the target of a pipe. NameBufSize is in bytes;
 * ERROR_MORE_DATA when the name does not fit. */
DWORD SPD_CALL SpdStorageUnitGetDeviceName(
    SPD_STORAGE_UNIT *StorageUnit, PWCHAR NameBuf, UINT32 NameBufSize);
/* Shuts down and waits first. */
VOID SPD_CALL SpdStorageUnitDelete(SPD_STORAGE_UNIT *StorageUnit);
/* Hangs up on a client of the pipe once its running requests have their answers. */
VOID SPD_CALL SpdStorageUnitShutdown(SPD_STORAGE_UNIT *StorageUnit);
/* ThreadCount 0: a thread for each processor; at most 1024. ERROR_INVALID_PARAMETER: it was started
 * before. */
DWORD SPD_CALL SpdStorageUnitStartDispatcher(SPD_STORAGE_UNIT *StorageUnit, ULONG ThreadCount);
/* Last of all, with CacheSupported, it calls Flush with 0, 0: the whole medium. It does so after
 * deferred responses have been sent, or 2 seconds later. */
VOID SPD_CALL SpdStorageUnitWaitDispatcher(SPD_STORAGE_UNIT *StorageUnit);
/* DataBuffer: the data of a read that is GOOD or a RECOVERED ERROR, as long as the read. It may be
 * NULL otherwise. */
VOID SPD_CALL SpdStorageUnitSendResponse(
    SPD_STORAGE_UNIT *StorageUnit, SPD_IOCTL_TRANSACT_RSP *Response, PVOID DataBuffer);
/* NULL except within a call of the interface. */
SPD_STORAGE_UNIT_OPERATION_CONTEXT *SPD_CALL SpdStorageUnitGetOperationContext(VOID);
VOID SPD_CALL SpdStorageUnitSetBufferAllocatorF(SPD_STORAGE_UNIT *StorageUnit,
    PVOID(SPD_CALL *BufferAlloc)(size_t Size), VOID(SPD_CALL *BufferFree)(PVOID Pointer));
VOID SPD_CALL SpdStorageUnitGetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD *PDispatcherError);
VOID SPD_CALL SpdStorageUnitSetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD DispatcherError);
VOID SPD_CALL SpdStorageUnitSetDebugLogF(SPD_STORAGE_UNIT *StorageUnit, UINT32 DebugLog);

/* Before StartDispatcher. Each dispatcher thread allocates a buffer and frees it when it ends. */
static inline VOID SpdStorageUnitSetBufferAllocator(SPD_STORAGE_UNIT *StorageUnit,
    PVOID(SPD_CALL *BufferAlloc)(size_t Size), VOID(SPD_CALL *BufferFree)(PVOID Pointer))
{
    StorageUnit->BufferAlloc = BufferAlloc;
    StorageUnit->BufferFree = BufferFree;
}

/* Why the dispatcher ended; 0 after an orderly shutdown. */
static inline VOID SpdStorageUnitGetDispatcherError(
    SPD_STORAGE_UNIT *StorageUnit, DWORD *PDispatcherError)
{
    *PDispatcherError = *(volatile DWORD *)&StorageUnit->DispatcherError;
    MemoryBarrier();
}

/* The first error stays; 0 does nothing. */
static inline VOID SpdStorageUnitSetDispatcherError(
    SPD_STORAGE_UNIT *StorageUnit, DWORD DispatcherError)
{
    if (DispatcherError != 0)
        InterlockedCompareExchange(
            (volatile LONG *)&StorageUnit->DispatcherError, (LONG)DispatcherError, 0);
}

/* A bit 1 << Kind logs requests and responses of that kind; (UINT32)-1 all of them. */
static inline VOID SpdStorageUnitSetDebugLog(SPD_STORAGE_UNIT *StorageUnit, UINT32 DebugLog)
{
    StorageUnit->DebugLog = DebugLog;
}

/* CHECK CONDITION. PInformation, the LBA that failed, may be NULL. */
static inline VOID SpdStorageUnitStatusSetSense(
    SPD_STORAGE_UNIT_STATUS *Status, UINT8 SenseKey, UINT8 ASC, PUINT64 PInformation)
{
    Status->ScsiStatus = 2;
    Status->SenseKey = SenseKey;
    Status->ASC = ASC;
    if (PInformation) {
        Status->Information = *PInformation;
        Status->InformationValid = 1;
    }
}

/*
 * Partition table (MBR).
 */
typedef struct _SPD_PARTITION {
    UINT8 Type;
    UINT8 Active; /* 0 or 0x80 */
    UINT64 BlockAddress;
    UINT64 BlockCount;
} SPD_PARTITION;

/* Fills Buffer with a table of Count (0 to 4) partitions, which may be in any order.
 * ERROR_INVALID_PARAMETER, and Buffer is untouched, when one has a Type of 0, is empty, begins at
 * block 0, overlaps another or ends beyond 2^32 blocks. */
DWORD SPD_CALL SpdDefinePartitionTable(
    SPD_PARTITION Partitions[], ULONG Count, UINT8 Buffer[512]);

/*
 * Logs. Formats are those of wvsprintf.
 */
VOID SPD_CALL SpdPrintLog(HANDLE Handle, PWSTR Format, ...);
VOID SPD_CALL SpdPrintLogV(HANDLE Handle, PWSTR Format, va_list ap);
VOID SPD_CALL SpdEventLog(ULONG Type, PWSTR Format, ...);
VOID SPD_CALL SpdEventLogV(ULONG Type, PWSTR Format, va_list ap);
/* Standard error when interactive, otherwise the event log. */
VOID SPD_CALL SpdServiceLog(ULONG Type, PWSTR Format, ...);
VOID SPD_CALL SpdServiceLogV(ULONG Type, PWSTR Format, va_list ap);
/* INVALID_HANDLE_VALUE, the default: the debugger. */
VOID SPD_CALL SpdDebugLogSetHandle(HANDLE Handle);
VOID SPD_CALL SpdDebugLog(const char *Format, ...);
VOID SPD_CALL SpdDebugLogRequest(SPD_IOCTL_TRANSACT_REQ *Request);
VOID SPD_CALL SpdDebugLogResponse(SPD_IOCTL_TRANSACT_RSP *Response);

/* Major << 16 | minor. */
DWORD SPD_CALL SpdVersion(PUINT32 PVersion);

/*
 * A guard lets a console control handler call SpdStorageUnitShutdown on a unit that another thread
 * is about to delete. Set the unit after creating it, and NULL before deleting it.
 */
typedef struct _SPD_GUARD {
    SRWLOCK Lock;
    PVOID Pointer;
} SPD_GUARD;

#define SPD_GUARD_INIT { SRWLOCK_INIT, NULL }

static inline VOID SpdGuardInit(SPD_GUARD *Guard)
{
    InitializeSRWLock(&Guard->Lock);
    Guard->Pointer = NULL;
}

static inline VOID SpdGuardSet(SPD_GUARD *Guard, PVOID Pointer)
{
    AcquireSRWLockExclusive(&Guard->Lock);
    Guard->Pointer = Pointer;
    ReleaseSRWLockExclusive(&Guard->Lock);
}

static inline VOID SpdGuardExecute(SPD_GUARD *Guard, VOID(SPD_CALL *Function)(PVOID Pointer))
{
    AcquireSRWLockShared(&Guard->Lock);
    if (Guard->Pointer)
        Function(Guard->Pointer);
    ReleaseSRWLockShared(&Guard->Lock);
}

/* Function takes the pointer that was set, whatever its type. */
#define SpdGuardExecute(Guard, Function) \
    SpdGuardExecute(Guard, (VOID(SPD_CALL *)(PVOID))(Function))

/* The layout is the interface, from C, C++ and .NET. */
#if defined(_WIN64)
#define SPD_SIZE(Size64, Size32) (Size64)
#else
#define SPD_SIZE(Size64, Size32) (Size32)
#endif
SPD_IOCTL_ASSERT(SpdInterface, sizeof(SPD_STORAGE_UNIT_INTERFACE) == SPD_SIZE(128, 64));
SPD_IOCTL_ASSERT(SpdUnit, sizeof(SPD_STORAGE_UNIT) == SPD_SIZE(208, 176));
SPD_IOCTL_ASSERT(
    SpdUnitContext, offsetof(struct _SPD_STORAGE_UNIT, UserContext) == sizeof(PVOID));
SPD_IOCTL_ASSERT(
    SpdUnitHandle, offsetof(struct _SPD_STORAGE_UNIT, Handle) == SPD_SIZE(168, 148));
SPD_IOCTL_ASSERT(
    SpdUnitDebugLog, offsetof(struct _SPD_STORAGE_UNIT, DebugLog) == SPD_SIZE(200, 172));
SPD_IOCTL_ASSERT(
    SpdContext, sizeof(SPD_STORAGE_UNIT_OPERATION_CONTEXT) == SPD_SIZE(24, 12));
SPD_IOCTL_ASSERT(SpdPartition, sizeof(SPD_PARTITION) == 24);
SPD_IOCTL_ASSERT(SpdGuard, sizeof(SPD_GUARD) == SPD_SIZE(16, 8));
#undef SPD_SIZE

#ifdef __cplusplus
}
#endif

#endif
