/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The layout of the public headers, in C and in C++, on x64 and on x86. Compiling it is the test.
 * The numbers are those of the interface, not of the compiler. */

#include <spd/spd.h>
#include <winspd/winspd.h>

#if defined(_WIN64)
#define BOTH(size64, size32) (size64)
#else
#define BOTH(size64, size32) (size32)
#endif

#define CAT(a, b) a##b
#define NAME(line) CAT(layout_, line)
#define AT(type, field, offset) \
    extern char NAME(__LINE__)[offsetof(type, field) == (offset) ? 1 : -1]
#define IS(constant, value) extern char NAME(__LINE__)[(constant) == (value) ? 1 : -1]

typedef SPD_IOCTL_STORAGE_UNIT_PARAMS params;
AT(params, BlockCount, 16);
AT(params, BlockLength, 24);
AT(params, ProductId, 28);
AT(params, ProductRevisionLevel, 44);
AT(params, DeviceType, 48);
AT(params, MaxTransferLength, 56);
AT(params, Reserved, 64);

typedef SPD_IOCTL_STORAGE_UNIT_STATUS status;
AT(status, ASCQ, 3);
AT(status, Information, 8);
AT(status, ReservedCSI, 16);
AT(status, ReservedSKS, 24);

typedef SPD_IOCTL_TRANSACT_REQ req;
AT(req, Kind, 8);
AT(req, Op, 16);
AT(req, Op.Read.BlockCount, 24);
AT(req, Op.Write.BlockAddress, 16);
AT(req, Op.Flush.BlockCount, 24);
AT(req, Op.Unmap.Count, 16);

typedef SPD_IOCTL_TRANSACT_RSP rsp;
AT(rsp, Kind, 8);
AT(rsp, Status, 16);

AT(SPD_IOCTL_BASE_PARAMS, Code, 2);
AT(SPD_IOCTL_PROVISION_PARAMS, Dir.Par.StorageUnitParams, 8);
AT(SPD_IOCTL_PROVISION_PARAMS, Dir.Ret.Btl, 8);
AT(SPD_IOCTL_UNPROVISION_PARAMS, Dir.Par.Guid, 8);
AT(SPD_IOCTL_TRANSACT_PARAMS, Btl, 8);
AT(SPD_IOCTL_TRANSACT_PARAMS, DataBuffer, 16);
AT(SPD_IOCTL_TRANSACT_PARAMS, Dir.Req, 24);
AT(SPD_IOCTL_TRANSACT_PARAMS, Dir.Rsp, 24);
AT(SPD_IOCTL_SET_TRANSACT_PID_PARAMS, ProcessId, 12);

AT(SPD_STORAGE_UNIT_INTERFACE, Write, BOTH(8, 4));
AT(SPD_STORAGE_UNIT_INTERFACE, Unmap, BOTH(24, 12));
AT(SPD_STORAGE_UNIT_INTERFACE, Reserved, BOTH(32, 16));

typedef struct _SPD_STORAGE_UNIT unit;
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
AT(context, Response, BOTH(8, 4));
AT(context, DataBuffer, BOTH(16, 8));
AT(SPD_PARTITION, Active, 1);
AT(SPD_PARTITION, BlockAddress, 8);
AT(SPD_PARTITION, BlockCount, 16);
AT(SPD_GUARD, Pointer, BOTH(8, 4));

IS(SPD_IOCTL_BTL(1, 2, 3), 0x010203);
IS(SPD_IOCTL_BTL_B(0x010203), 1);
IS(SPD_IOCTL_BTL_T(0x010203), 2);
IS(SPD_IOCTL_BTL_L(0x010203), 3);
IS(SPD_IOCTL_DEFAULT_ALIGN_UP(9), 16);
IS(SPD_IOCTL_STORAGE_UNIT_CAPACITY, 16);
IS(SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY, 64);
IS(SPD_IOCTL_PROVISION, 0x70);
IS(SPD_IOCTL_UNPROVISION, 0x75);
IS(SPD_IOCTL_LIST, 0x6c);
IS(SPD_IOCTL_TRANSACT, 0x74);
IS(SPD_IOCTL_SET_TRANSACT_PID, 0x69);
IS(SpdIoctlTransactUnmapKind, 4);
IS(SpdIoctlTransactKindCount, 5);
IS(sizeof(SPD_IOCTL_VENDOR_ID), 9);
#if defined(__MINGW32__) /* whose scsi.h lacks them */
IS(sizeof(VPD_BLOCK_LIMITS_PAGE), 64);
IS(sizeof(VPD_LOGICAL_BLOCK_PROVISIONING_PAGE), 8);
IS(sizeof(UNMAP_BLOCK_DESCRIPTOR), 16);
IS(sizeof(READ_CAPACITY16_DATA), 32);
#endif

/* Where the flags are: the first bit of the word that holds them. */
static inline int flags(void)
{
    SPD_STORAGE_UNIT_PARAMS p;
    SPD_STORAGE_UNIT_STATUS s;
    SPD_GUARD guard = SPD_GUARD_INIT;

    ZeroMemory(&p, sizeof p);
    ZeroMemory(&s, sizeof s);
    p.EjectDisabled = 1;
    s.InformationValid = 1;
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
    SpdStorageUnitStatusSetSense(&s, 3, 0x11, NULL);
    return ((unsigned char *)&p)[52] + ((unsigned char *)&s)[29];
}

int main(void)
{
    return flags();
}
