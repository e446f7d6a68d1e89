/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The public headers, in C and in C++, on x64 and on x86: every type, size, offset, bit, macro,
 * call and inline of the interface. Compiling it is the test. The numbers are those of the
 * interface, not of the compiler. */

#include <spd/spd.h>
#include <winspd/winspd.h>

#if defined(_WIN64)
#define BOTH(size64, size32) (size64)
#else
#define BOTH(size64, size32) (size32)
#endif

#define CAT(a, b) a##b
#define NAME(line) CAT(layout_, line)
#define ALIGNED(line) CAT(aligned_, line)
#define AT(type, field, offset) \
    extern char NAME(__LINE__)[offsetof(type, field) == (offset) ? 1 : -1]
#define IS(constant, value) extern char NAME(__LINE__)[(constant) == (value) ? 1 : -1]
#define SIZE(type, size, alignment) \
    struct ALIGNED(__LINE__) { char c; type t; }; \
    extern char NAME(__LINE__)[sizeof(type) == (size) && \
        offsetof(struct ALIGNED(__LINE__), t) == (alignment) ? 1 : -1]

SIZE(SPD_IOCTL_STORAGE_UNIT_PARAMS, 128, 8);
SIZE(SPD_IOCTL_STORAGE_UNIT_STATUS, 32, 8);
SIZE(SPD_IOCTL_UNMAP_DESCRIPTOR, 16, 8);
SIZE(SPD_IOCTL_TRANSACT_REQ, 32, 8);
SIZE(SPD_IOCTL_TRANSACT_RSP, 48, 8);
SIZE(SPD_IOCTL_BASE_PARAMS, 8, 8);
SIZE(SPD_IOCTL_PROVISION_PARAMS, 136, 8);
SIZE(SPD_IOCTL_UNPROVISION_PARAMS, 24, 8);
SIZE(SPD_IOCTL_LIST_PARAMS, 8, 8);
SIZE(SPD_IOCTL_TRANSACT_PARAMS, 72, 8);
SIZE(SPD_IOCTL_SET_TRANSACT_PID_PARAMS, 16, 8);
SIZE(SPD_STORAGE_UNIT_PARAMS, 128, 8);
SIZE(SPD_STORAGE_UNIT_STATUS, 32, 8);
SIZE(SPD_UNMAP_DESCRIPTOR, 16, 8);
SIZE(SPD_STORAGE_UNIT_INTERFACE, BOTH(128, 64), BOTH(8, 4));
SIZE(SPD_STORAGE_UNIT, BOTH(208, 176), 8);
SIZE(SPD_STORAGE_UNIT_OPERATION_CONTEXT, BOTH(24, 12), BOTH(8, 4));
SIZE(SPD_PARTITION, 24, 8);
SIZE(SPD_GUARD, BOTH(16, 8), BOTH(8, 4));

typedef SPD_IOCTL_STORAGE_UNIT_PARAMS params;
AT(params, Guid, 0);
AT(params, BlockCount, 16);
AT(params, BlockLength, 24);
AT(params, ProductId, 28);
AT(params, ProductRevisionLevel, 44);
AT(params, DeviceType, 48);
AT(params, MaxTransferLength, 56);
AT(params, Reserved, 64);

typedef SPD_IOCTL_STORAGE_UNIT_STATUS status;
AT(status, ScsiStatus, 0);
AT(status, SenseKey, 1);
AT(status, ASC, 2);
AT(status, ASCQ, 3);
AT(status, Information, 8);
AT(status, ReservedCSI, 16);
AT(status, ReservedSKS, 24);

AT(SPD_IOCTL_UNMAP_DESCRIPTOR, BlockAddress, 0);
AT(SPD_IOCTL_UNMAP_DESCRIPTOR, BlockCount, 8);
AT(SPD_IOCTL_UNMAP_DESCRIPTOR, Reserved, 12);

typedef SPD_IOCTL_TRANSACT_REQ req;
AT(req, Hint, 0);
AT(req, Kind, 8);
AT(req, Op, 16);
AT(req, Op.Read.BlockAddress, 16);
AT(req, Op.Read.BlockCount, 24);
AT(req, Op.Write.BlockAddress, 16);
AT(req, Op.Write.BlockCount, 24);
AT(req, Op.Flush.BlockAddress, 16);
AT(req, Op.Flush.BlockCount, 24);
AT(req, Op.Unmap.Count, 16);

typedef SPD_IOCTL_TRANSACT_RSP rsp;
AT(rsp, Hint, 0);
AT(rsp, Kind, 8);
AT(rsp, Status, 16);

AT(SPD_IOCTL_BASE_PARAMS, Size, 0);
AT(SPD_IOCTL_BASE_PARAMS, Code, 2);
AT(SPD_IOCTL_PROVISION_PARAMS, Base, 0);
AT(SPD_IOCTL_PROVISION_PARAMS, Dir.Par.StorageUnitParams, 8);
AT(SPD_IOCTL_PROVISION_PARAMS, Dir.Ret.Btl, 8);
AT(SPD_IOCTL_UNPROVISION_PARAMS, Dir.Par.Guid, 8);
AT(SPD_IOCTL_TRANSACT_PARAMS, Btl, 8);
AT(SPD_IOCTL_TRANSACT_PARAMS, DataBuffer, 16);
AT(SPD_IOCTL_TRANSACT_PARAMS, Dir.Req, 24);
AT(SPD_IOCTL_TRANSACT_PARAMS, Dir.Rsp, 24);
AT(SPD_IOCTL_SET_TRANSACT_PID_PARAMS, Btl, 8);
AT(SPD_IOCTL_SET_TRANSACT_PID_PARAMS, ProcessId, 12);

AT(SPD_STORAGE_UNIT_INTERFACE, Read, 0);
AT(SPD_STORAGE_UNIT_INTERFACE, Flush, BOTH(16, 8));
AT(SPD_STORAGE_UNIT_INTERFACE, Write, BOTH(8, 4));
AT(SPD_STORAGE_UNIT_INTERFACE, Unmap, BOTH(24, 12));
AT(SPD_STORAGE_UNIT_INTERFACE, Reserved, BOTH(32, 16));

typedef struct _SPD_STORAGE_UNIT unit;
AT(unit, Version, 0);
AT(unit, UserContext, BOTH(8, 4));
AT(unit, StorageUnitParams, BOTH(16, 8));
AT(unit, Interface, BOTH(144, 136));
AT(unit, BufferAlloc, BOTH(152, 140));
AT(unit, BufferFree, BOTH(160, 144));
AT(unit, Handle, BOTH(168, 148));
AT(unit, Btl, BOTH(176, 152));
AT(unit, DispatcherThreadId, BOTH(180, 156));
AT(unit, DispatcherThread, BOTH(184, 160));
AT(unit, DispatcherThreadCount, BOTH(192, 164));
AT(unit, DispatcherError, BOTH(196, 168));
AT(unit, DebugLog, BOTH(200, 172));

typedef SPD_STORAGE_UNIT_OPERATION_CONTEXT context;
AT(context, Request, 0);
AT(context, Response, BOTH(8, 4));
AT(context, DataBuffer, BOTH(16, 8));
AT(SPD_PARTITION, Type, 0);
AT(SPD_PARTITION, Active, 1);
AT(SPD_PARTITION, BlockAddress, 8);
AT(SPD_PARTITION, BlockCount, 16);
AT(SPD_GUARD, Lock, 0);
AT(SPD_GUARD, Pointer, BOTH(8, 4));

IS(SPD_IOCTL_BTL(1, 2, 3), 0x010203);
IS(SPD_IOCTL_BTL_B(0x010203), 1);
IS(SPD_IOCTL_BTL_T(0x010203), 2);
IS(SPD_IOCTL_BTL_L(0x010203), 3);
IS(SPD_IOCTL_BTL(0xff, 0xff, 0xff), 0xffffff);
IS(SPD_IOCTL_DEFAULT_ALIGNMENT, 8);
IS(SPD_IOCTL_ALIGN_UP(5, 4), 8);
IS(SPD_IOCTL_ALIGN_UP(8, 4), 8);
IS(SPD_IOCTL_DEFAULT_ALIGN_UP(9), 16);
IS(SPD_IOCTL_STORAGE_UNIT_CAPACITY, 16);
IS(SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY, 64);
IS(SPD_IOCTL_PROVISION, 0x70);
IS(SPD_IOCTL_UNPROVISION, 0x75);
IS(SPD_IOCTL_LIST, 0x6c);
IS(SPD_IOCTL_TRANSACT, 0x74);
IS(SPD_IOCTL_SET_TRANSACT_PID, 0x69);
IS(SpdIoctlTransactReservedKind, 0);
IS(SpdIoctlTransactReadKind, 1);
IS(SpdIoctlTransactWriteKind, 2);
IS(SpdIoctlTransactFlushKind, 3);
IS(SpdIoctlTransactUnmapKind, 4);
IS(SpdIoctlTransactKindCount, 5);
IS(sizeof(SPD_IOCTL_DRIVER_NAME), 7);
IS(sizeof(SPD_IOCTL_VENDOR_ID), 9);
IS(sizeof(SPD_IOCTL_HARDWARE_ID), 12);
#if defined(__MINGW32__) /* whose scsi.h lacks them */
IS(PROVISIONING_TYPE_THIN, 2);
IS(SCSI_SENSE_ERRORCODE_FIXED_CURRENT, 0x70);
IS(SCSI_ADSENSE_UNRECOVERED_ERROR, 0x11);
IS(SCSI_SENSEQ_POSITIONING_ERROR_DETECTED_BY_READ_OF_MEDIUM, 2);
IS(VPD_BLOCK_LIMITS, 0xb0);
IS(VPD_LOGICAL_BLOCK_PROVISIONING, 0xb2);
IS(PROVISIONING_TYPE_UNKNOWN, 0);
IS(PROVISIONING_TYPE_RESOURCE, 1);
IS(SCSI_SENSE_ERRORCODE_FIXED_DEFERRED, 0x71);
IS(SCSI_SENSE_ERRORCODE_DESCRIPTOR_CURRENT, 0x72);
IS(SCSI_SENSE_ERRORCODE_DESCRIPTOR_DEFERRED, 0x73);
IS(sizeof(VPD_BLOCK_LIMITS_PAGE), 64);
IS(sizeof(VPD_LOGICAL_BLOCK_PROVISIONING_PAGE), 8);
IS(sizeof(UNMAP_BLOCK_DESCRIPTOR), 16);
IS(sizeof(READ_CAPACITY16_DATA), 32);
#endif

/* The calls, once more: a declaration that differs from the header's does not compile. */
#ifdef __cplusplus
extern "C" {
#endif
#define CALL(type, name) type __cdecl name
CALL(DWORD, SpdIoctlGetDevicePath)(GUID *, PWSTR, PWCHAR, UINT32);
CALL(DWORD, SpdIoctlOpenDevice)(PWSTR, PHANDLE);
CALL(DWORD, SpdIoctlScsiExecute)(
    HANDLE, UINT32, PCDB, INT, PVOID, PUINT32, PUCHAR, UCHAR[32]);
CALL(DWORD, SpdIoctlScsiInquiry)(HANDLE, UINT32, PINQUIRYDATA, ULONG);
CALL(DWORD, SpdIoctlProvision)(HANDLE, const SPD_IOCTL_STORAGE_UNIT_PARAMS *, PUINT32);
CALL(DWORD, SpdIoctlUnprovision)(HANDLE, const GUID *);
CALL(DWORD, SpdIoctlGetList)(HANDLE, PUINT32, PUINT32);
CALL(DWORD, SpdIoctlTransact)(
    HANDLE, UINT32, SPD_IOCTL_TRANSACT_RSP *, SPD_IOCTL_TRANSACT_REQ *, PVOID);
CALL(DWORD, SpdIoctlSetTransactProcessId)(HANDLE, UINT32, ULONG);
CALL(DWORD, SpdStorageUnitCreate)(PWSTR, const SPD_STORAGE_UNIT_PARAMS *,
    const SPD_STORAGE_UNIT_INTERFACE *, SPD_STORAGE_UNIT **);
CALL(VOID, SpdStorageUnitDelete)(SPD_STORAGE_UNIT *);
CALL(VOID, SpdStorageUnitShutdown)(SPD_STORAGE_UNIT *);
CALL(DWORD, SpdStorageUnitStartDispatcher)(SPD_STORAGE_UNIT *, ULONG);
CALL(VOID, SpdStorageUnitWaitDispatcher)(SPD_STORAGE_UNIT *);
CALL(VOID, SpdStorageUnitSendResponse)(SPD_STORAGE_UNIT *, SPD_IOCTL_TRANSACT_RSP *, PVOID);
CALL(SPD_STORAGE_UNIT_OPERATION_CONTEXT *, SpdStorageUnitGetOperationContext)(void);
CALL(VOID, SpdStorageUnitSetBufferAllocatorF)(
    SPD_STORAGE_UNIT *, PVOID(__cdecl *)(size_t), VOID(__cdecl *)(PVOID));
CALL(VOID, SpdStorageUnitGetDispatcherErrorF)(SPD_STORAGE_UNIT *, DWORD *);
CALL(VOID, SpdStorageUnitSetDispatcherErrorF)(SPD_STORAGE_UNIT *, DWORD);
CALL(VOID, SpdStorageUnitSetDebugLogF)(SPD_STORAGE_UNIT *, UINT32);
CALL(DWORD, SpdDefinePartitionTable)(SPD_PARTITION[], ULONG, UINT8[512]);
CALL(VOID, SpdPrintLog)(HANDLE, PWSTR, ...);
CALL(VOID, SpdPrintLogV)(HANDLE, PWSTR, va_list);
CALL(VOID, SpdEventLog)(ULONG, PWSTR, ...);
CALL(VOID, SpdEventLogV)(ULONG, PWSTR, va_list);
CALL(VOID, SpdServiceLog)(ULONG, PWSTR, ...);
CALL(VOID, SpdServiceLogV)(ULONG, PWSTR, va_list);
CALL(VOID, SpdDebugLogSetHandle)(HANDLE);
CALL(VOID, SpdDebugLog)(const char *, ...);
CALL(VOID, SpdDebugLogRequest)(SPD_IOCTL_TRANSACT_REQ *);
CALL(VOID, SpdDebugLogResponse)(SPD_IOCTL_TRANSACT_RSP *);
CALL(DWORD, SpdVersion)(PUINT32);
#ifdef __cplusplus
}
#endif

/* The inlines, and what programs hand over: functions of these types. */
static inline void types(SPD_STORAGE_UNIT *StorageUnit, SPD_STORAGE_UNIT_INTERFACE *Interface)
{
    typedef BOOLEAN(__cdecl *transfer)(
        SPD_STORAGE_UNIT *, PVOID, UINT64, UINT32, BOOLEAN, SPD_STORAGE_UNIT_STATUS *);
    typedef BOOLEAN(__cdecl *flush)(
        SPD_STORAGE_UNIT *, UINT64, UINT32, SPD_STORAGE_UNIT_STATUS *);
    typedef BOOLEAN(__cdecl *unmap)(
        SPD_STORAGE_UNIT *, SPD_UNMAP_DESCRIPTOR[], UINT32, SPD_STORAGE_UNIT_STATUS *);
    typedef PVOID(__cdecl *allocate)(size_t);
    typedef VOID(__cdecl *release)(PVOID);
    VOID (*set_allocator)(SPD_STORAGE_UNIT *, allocate, release) =
        SpdStorageUnitSetBufferAllocator;
    VOID (*get_error)(SPD_STORAGE_UNIT *, DWORD *) = SpdStorageUnitGetDispatcherError;
    VOID (*set_error)(SPD_STORAGE_UNIT *, DWORD) = SpdStorageUnitSetDispatcherError;
    VOID (*set_debug_log)(SPD_STORAGE_UNIT *, UINT32) = SpdStorageUnitSetDebugLog;
    VOID (*set_sense)(SPD_STORAGE_UNIT_STATUS *, UINT8, UINT8, PUINT64) =
        SpdStorageUnitStatusSetSense;
    VOID (*guard_init)(SPD_GUARD *) = SpdGuardInit;
    VOID (*guard_set)(SPD_GUARD *, PVOID) = SpdGuardSet;
    VOID (*guard_execute)(SPD_GUARD *, release) = SpdGuardExecute;
    static SPD_GUARD guard = SPD_GUARD_INIT;
    transfer read = Interface->Read, write = Interface->Write;
    flush flushed = Interface->Flush;
    unmap unmapped = Interface->Unmap;
    allocate allocated = StorageUnit->BufferAlloc;
    release released = StorageUnit->BufferFree;

    (void)(read && write && flushed && unmapped && allocated && released && set_allocator &&
        get_error && set_error && set_debug_log && set_sense && guard_init && guard_set &&
        guard_execute);
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
}

/* A bit that is elsewhere leaves a call in optimised code that does not compile. */
#if defined(__GNUC__)
void elsewhere(void) __attribute__((error("a bit is not where the interface has it")));
#else
static void elsewhere(void)
{
}
#endif

#define BITS(type, field, value, offset, word) \
    do { \
        union { type s; UINT32 words[sizeof(type) / 4]; } u; \
        ZeroMemory(&u, sizeof u); \
        u.s.field = (value); \
        if (u.words[(offset) / 4] != (word)) \
            elsewhere(); \
    } while (0)

void bits(void);

void bits(void)
{
    BITS(SPD_IOCTL_STORAGE_UNIT_PARAMS, WriteProtected, 1, 52, 1);
    BITS(SPD_IOCTL_STORAGE_UNIT_PARAMS, CacheSupported, 1, 52, 2);
    BITS(SPD_IOCTL_STORAGE_UNIT_PARAMS, UnmapSupported, 1, 52, 4);
    BITS(SPD_IOCTL_STORAGE_UNIT_PARAMS, EjectDisabled, 1, 52, 8);
    BITS(SPD_IOCTL_STORAGE_UNIT_STATUS, ReservedFRU, 0xff, 28, 0xff);
    BITS(SPD_IOCTL_STORAGE_UNIT_STATUS, InformationValid, 1, 28, 0x100);
    BITS(SPD_IOCTL_TRANSACT_REQ, Op.Read.ForceUnitAccess, 1, 28, 1);
    BITS(SPD_IOCTL_TRANSACT_REQ, Op.Read.Reserved, 0x7fffffff, 28, 0xfffffffe);
    BITS(SPD_IOCTL_TRANSACT_REQ, Op.Write.ForceUnitAccess, 1, 28, 1);
    BITS(SPD_IOCTL_TRANSACT_REQ, Op.Write.Reserved, 0x7fffffff, 28, 0xfffffffe);
    BITS(SPD_IOCTL_TRANSACT_PARAMS, ReqValid, 1, 12, 1);
    BITS(SPD_IOCTL_TRANSACT_PARAMS, RspValid, 1, 12, 2);
}

int main(void)
{
    types(NULL, NULL);
    return 0;
}
