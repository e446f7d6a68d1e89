/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The interface of the WinSpd driver, in C and C++, for programs and for kernel code.
 *
 * All requests have the same device control code, IOCTL_MINIPORT_PROCESS_SERVICE_IRP (0x0004D038,
 * buffered), on the adapter's device; Base.Code says which request it is. Base.Size is the size of
 * the parameter block, at most the length of the input buffer. Blocks are the same on x86 and x64.
 *
 * Programs use the functions of winspd.h. This text is for programs that talk to the driver
 * themselves:
 *
 * Lifetime. A process that provisions keeps a LIFETIME request pending (8 bytes in, nothing out);
 * it never completes by itself. The system cancels it when the process ends. When the last one of a
 * process is cancelled, the process's storage units go. Provisioning without a LIFETIME request
 * fails with ERROR_BAD_COMMAND.
 *
 * Send it from a thread that lives as long as the process and never touches the disk. Windows
 * cancels the request when its thread has ended. But a thread that waits in the kernel for the
 * process's own disk cannot end: process and disk wait for each other. So the driver looks each
 * second whether the thread has to end, and fails the requests for which it waits. Do not use a
 * handle of a completion port: its requests belong to no thread, so the driver cannot see it.
 * Windows cancels them only when all threads have ended.
 *
 * Transactions. A TRANSACT request answers a request (RspValid), asks for the next one (ReqValid),
 * or does both. Data follows the 72-byte block in the same buffer, in both directions. DataBuffer
 * only says that there is room for data (any value but 0), and is never used as an address:
 *
 *   in: block, and for a GOOD read with DataBuffer != 0 the data; DataBuffer 0 reads zeros. A read
 *        that was done with sense to report (key 0h, 1h or Fh) must bring its data.
 *   out: block, and for a write its data, for an unmap its descriptors
 *
 * With ReqValid the output buffer holds the block and the unit's MaxTransferLength. TRANSFER_LENGTH
 * tells that to the process that gets the transactions. The call is pended until there is a request
 * to serve, and can be cancelled; several may be pending for a unit. It may succeed with 0 bytes,
 * if a request was aborted or given to another process while it was delivered: ask again. If
 * another process gets the transactions (SET_TRANSACT_PID, or a take-over), the pending calls of
 * the former process are cancelled. Hint names the request until it is answered; an answer with an
 * unknown hint is ignored. An answer must have the request's Kind, and 0 in all reserved fields; a
 * refused answer leaves the request waiting.
 *
 * Batches. A BATCH request answers and asks like TRANSACT, but for several requests at once. Count
 * entries of answers follow its 24-byte head, and on return Count entries of requests. An entry
 * is 56 bytes, Length bytes of data and padding to a multiple of 8. The driver refuses entries that
 * do not fill the input exactly, and takes none of them. A GOOD read with Length 0 reads zeros.
 * Each answer is taken by itself: a refused answer leaves its request waiting, and the others are
 * taken. The call then fails with the error of the first refused answer, and brings nothing. Wanted
 * is the most requests that the call may bring; with 0 it returns at once. The output buffer then
 * holds the head, one entry and the unit's MaxTransferLength, or more. The driver brings the
 * waiting requests that fit. It counts the longer of a request's data and its answer's, so that all
 * the answers fit into the same buffer. The others stay queued, and Wanted says how many requests
 * still wait. If there is no request the call is pended, and brings the first one as soon as it
 * comes. An entry with Hint 0 has ended meanwhile. TRANSACT and BATCH may be used beside each
 * other.
 *
 * Versions. A LIFETIME request may be 16 bytes long and have the SPD_IOCTL_VERSION for which the
 * program was made. PROVISION then returns the driver's. A driver that returns 0 knows no BATCH.
 * The driver logs a version that is not its own.
 *
 * Bounds. A process has at most SPD_IOCTL_PENDING_MAX requests pending, and of these at most
 * SPD_IOCTL_LIFETIME_MAX LIFETIME requests. Their buffers, each the longer of in and out and
 * rounded up to pages, have at most SPD_IOCTL_PENDING_BYTES_MAX bytes. A further request fails with
 * ERROR_NO_SYSTEM_RESOURCES; an answer that came with it has been taken.
 */

#ifndef WINSPD_IOCTL_H_INCLUDED
#define WINSPD_IOCTL_H_INCLUDED

#ifdef __cplusplus
extern "C" {
#endif

#define SPD_IOCTL_DRIVER_NAME "WinSpd"
#define SPD_IOCTL_VENDOR_ID "WinSpd  "
#define SPD_IOCTL_HARDWARE_ID "root\\winspd"

/* Addresses: bus, target, logical unit. */
#define SPD_IOCTL_BTL(B, T, L) ((((UINT32)(B)) << 16) | (((UINT32)(T)) << 8) | ((UINT32)(L)))
#define SPD_IOCTL_BTL_B(Btl) ((((UINT32)(Btl)) >> 16) & 0xff)
#define SPD_IOCTL_BTL_T(Btl) ((((UINT32)(Btl)) >> 8) & 0xff)
#define SPD_IOCTL_BTL_L(Btl) (((UINT32)(Btl)) & 0xff)

/* Units of the adapter: the default, and the most that the original's registry value allowed. The
 * driver takes SPD_IOCTL_STORAGE_UNIT_CAPACITY to SPD_IOCTL_STORAGE_UNIT_LIMIT. Windows takes 128
 * targets on a bus: the first 128 units are targets of bus 0, the others of bus 1. */
#define SPD_IOCTL_STORAGE_UNIT_CAPACITY 16
#define SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY 64
#define SPD_IOCTL_STORAGE_UNIT_LIMIT 255

/* Bytes; also the most that one TRANSACT moves. */
#define SPD_IOCTL_MAX_TRANSFER_LENGTH (16 * 1024 * 1024)

/* The bounds of a process; 32-bit Windows has less memory for it. The bytes suffice for 1024
 * transactions of 1 MiB, and LIFETIME requests beside them. */
#define SPD_IOCTL_LIFETIME_MAX 64
#define SPD_IOCTL_PENDING_MAX 4096
#define SPD_IOCTL_PENDING_BYTES_MAX \
    (1024u * (1024 * 1024 + 4096) + SPD_IOCTL_LIFETIME_MAX * 4096u)
#define SPD_IOCTL_PENDING_BYTES_MAX_X86 (SPD_IOCTL_PENDING_BYTES_MAX / 8)

#define SPD_IOCTL_DEFAULT_ALIGNMENT 8
#define SPD_IOCTL_ALIGN_UP(x, s) (((x) + ((s) - 1)) & ~((s) - 1))
#define SPD_IOCTL_DEFAULT_ALIGN_UP(x) SPD_IOCTL_ALIGN_UP(x, SPD_IOCTL_DEFAULT_ALIGNMENT)

/* The calling convention of every export and every callback. */
#define SPD_CALL __cdecl

/* GCC ignores the align declspec on structures, and every block would shift by four bytes. */
#if defined(__GNUC__)
#define SPD_IOCTL_DECLSPEC_ALIGN __attribute__((aligned(8)))
#else
#define SPD_IOCTL_DECLSPEC_ALIGN __declspec(align(8))
#endif

#define SPD_IOCTL_PROVISION ('p')
#define SPD_IOCTL_UNPROVISION ('u')
#define SPD_IOCTL_LIST ('l')
#define SPD_IOCTL_TRANSACT ('t')
#define SPD_IOCTL_SET_TRANSACT_PID ('i')
/* Not of the original: */
#define SPD_IOCTL_LIFETIME ('k')
#define SPD_IOCTL_TRANSFER_LENGTH ('m')
#define SPD_IOCTL_BATCH ('b')
#define SPD_IOCTL_COUNTS ('c')

/* The version of the extensions. Version 1 is without batches, and no program says it. */
#define SPD_IOCTL_VERSION 2

enum {
    SpdIoctlTransactReservedKind = 0,
    SpdIoctlTransactReadKind,
    SpdIoctlTransactWriteKind,
    SpdIoctlTransactFlushKind,
    SpdIoctlTransactUnmapKind,
    SpdIoctlTransactKindCount
};

/*
 * Extensions that travel in Reserved. All zero is the original's unit, to the bytes of its VPD
 * pages. The rest of Reserved and the unnamed flag bits must be 0: otherwise the driver refuses the
 * unit, and so does the DLL behind a pipe or a URI.
 *   [0]  bits 0..31: grace. Seconds (at most SPD_IOCTL_GRACE_MAX) for which the unit outlives its
 *        process. Provisioning the same Guid and geometry within them takes it over, with the
 *        requests that wait. Only a process of the same user may do so: others get
 *        ERROR_ACCESS_DENIED. The same user and administrators may unprovision it meanwhile. Units
 *        behind a pipe or a URI get no grace.
 *        bits 32..63: flags. There are two.
 *        SPD_IOCTL_UNMAP_ZEROS: with UnmapSupported, an unmapped block reads as zeros until it is
 *        written. Only then, and with the next flag, systems zero blocks by unmapping them.
 *        SPD_IOCTL_MODERN_PROFILE: the unit describes itself by all pages and fields of SPC-4 and
 *        SBC-3. Nothing else chooses this profile, and new programs should set the bit. Without it
 *        systems learn neither SPD_IOCTL_UNMAP_ZEROS nor the unmap granularity nor the world wide
 *        name.
 *   [1]  bits 0..31: physical block length in bytes, 0: as BlockLength;
 *        bits 32..63: unmap granularity in blocks, 0: not reported
 *   [2]  bits 0..31: blocks that one unmap command may cover, 0: no limit
 *   [3], [4]  [3], [4] the world wide name, in the order of memory: an NAA identifier (SPC-4
 *        7.8.6.6). It has 8 bytes (NAA 2h, 3h, 5h) and 8 of 0, or 16 (NAA 6h). All zero: it is made
 *        of Guid
 */
#define SPD_IOCTL_GRACE_MAX 3600
#define SPD_IOCTL_PARAMS_GRACE(Params) ((UINT32)(Params)->Reserved[0])
#define SPD_IOCTL_PARAMS_PHYSICAL_BLOCK_LENGTH(Params) ((UINT32)(Params)->Reserved[1])
#define SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(Params) ((UINT32)((Params)->Reserved[1] >> 32))
#define SPD_IOCTL_PARAMS_MAX_UNMAP_BLOCKS(Params) ((UINT32)(Params)->Reserved[2])
#define SPD_IOCTL_PARAMS_WWN(Params) ((const UINT8 *)&(Params)->Reserved[3])
#define SPD_IOCTL_PARAMS_WWN_LENGTH(Params) \
    (!*SPD_IOCTL_PARAMS_WWN(Params) ? 0 : *SPD_IOCTL_PARAMS_WWN(Params) >> 4 == 6 ? 16 : 8)
#define SPD_IOCTL_UNMAP_ZEROS ((UINT64)1 << 32)
#define SPD_IOCTL_MODERN_PROFILE ((UINT64)1 << 33)
/* All flags. */
#define SPD_IOCTL_PARAMS_FLAGS (SPD_IOCTL_UNMAP_ZEROS | SPD_IOCTL_MODERN_PROFILE)

/* The bits of each word of Reserved that have a meaning. */
#define SPD_IOCTL_PARAMS_RESERVED_KNOWN \
    { 0xffffffff | SPD_IOCTL_PARAMS_FLAGS, ~(UINT64)0, 0xffffffff, ~(UINT64)0, ~(UINT64)0, 0, 0, 0 }

typedef struct _SPD_IOCTL_STORAGE_UNIT_PARAMS {
    GUID Guid;                      /* identity; the serial number is its text */
    UINT64 BlockCount;              /* > 0 */
    UINT32 BlockLength;             /* bytes: a power of two, 512 to 65536 */
    UCHAR ProductId[16];            /* not terminated */
    UCHAR ProductRevisionLevel[4];
    UINT8 DeviceType;               /* 0: direct access block device */
    UINT32 WriteProtected : 1;
    UINT32 CacheSupported : 1;
    UINT32 UnmapSupported : 1;
    UINT32 EjectDisabled : 1;
    UINT32 MaxTransferLength;       /* bytes: a multiple of BlockLength, at most
                                     * SPD_IOCTL_MAX_TRANSFER_LENGTH */
    UINT64 Reserved[8];             /* see above */
} SPD_IOCTL_STORAGE_UNIT_PARAMS;

typedef struct _SPD_IOCTL_STORAGE_UNIT_STATUS {
    UINT8 ScsiStatus;
    UINT8 SenseKey;
    UINT8 ASC;
    UINT8 ASCQ;
    UINT64 Information;
    UINT64 ReservedCSI;
    UINT32 ReservedSKS;
    UINT32 ReservedFRU : 8;
    UINT32 InformationValid : 1;
} SPD_IOCTL_STORAGE_UNIT_STATUS;

typedef struct _SPD_IOCTL_UNMAP_DESCRIPTOR {
    UINT64 BlockAddress;
    UINT32 BlockCount;
    UINT32 Reserved;
} SPD_IOCTL_UNMAP_DESCRIPTOR;

typedef struct _SPD_IOCTL_TRANSACT_REQ {
    UINT64 Hint;                    /* opaque; 0: there is no request */
    UINT8 Kind;
    union {
        struct {
            UINT64 BlockAddress;
            UINT32 BlockCount;
            UINT32 ForceUnitAccess : 1;
            UINT32 Reserved : 31;
        } Read;
        struct {
            UINT64 BlockAddress;
            UINT32 BlockCount;
            UINT32 ForceUnitAccess : 1;
            UINT32 Reserved : 31;
        } Write;
        struct {
            UINT64 BlockAddress;
            UINT32 BlockCount;      /* 0: to the end of the medium */
        } Flush;
        struct {
            UINT32 Count;           /* SPD_IOCTL_UNMAP_DESCRIPTORs in the data */
        } Unmap;
    } Op;
} SPD_IOCTL_TRANSACT_REQ;

typedef struct _SPD_IOCTL_TRANSACT_RSP {
    UINT64 Hint;                    /* the request's */
    UINT8 Kind;                     /* the request's */
    SPD_IOCTL_STORAGE_UNIT_STATUS Status;
} SPD_IOCTL_TRANSACT_RSP;

typedef struct SPD_IOCTL_DECLSPEC_ALIGN _SPD_IOCTL_BASE_PARAMS {
    UINT16 Size;
    UINT16 Code;
} SPD_IOCTL_BASE_PARAMS;

typedef struct _SPD_IOCTL_PROVISION_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    union {
        struct {
            SPD_IOCTL_STORAGE_UNIT_PARAMS StorageUnitParams;
        } Par;
        struct {
            UINT32 Btl;
            UINT32 Version;         /* the driver's, for a process that has said its own; or 0 */
        } Ret;
    } Dir;
} SPD_IOCTL_PROVISION_PARAMS;

typedef struct _SPD_IOCTL_UNPROVISION_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    union {
        struct {
            GUID Guid;
        } Par;
    } Dir;
} SPD_IOCTL_UNPROVISION_PARAMS;

typedef struct _SPD_IOCTL_LIST_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
} SPD_IOCTL_LIST_PARAMS;

typedef struct _SPD_IOCTL_TRANSACT_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    UINT32 Btl;
    UINT32 ReqValid : 1;
    UINT32 RspValid : 1;
    UINT64 DataBuffer;
    union {
        SPD_IOCTL_TRANSACT_REQ Req;
        SPD_IOCTL_TRANSACT_RSP Rsp;
    } Dir;
} SPD_IOCTL_TRANSACT_PARAMS;

/* The head of a batch, before its entries. */
typedef struct _SPD_IOCTL_BATCH_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    UINT32 Btl;
    UINT32 Count;                   /* entries: in, answers; out, requests */
    UINT32 Wanted;                  /* in: the most requests to bring, 0: none; out: how many
                                     * requests still wait */
    UINT32 Reserved;                /* 0 */
} SPD_IOCTL_BATCH_PARAMS;

typedef struct _SPD_IOCTL_BATCH_ENTRY {
    UINT32 Length;                  /* bytes of data behind it, padded to 8 */
    UINT32 Reserved;                /* 0 */
    union {
        SPD_IOCTL_TRANSACT_REQ Req; /* Hint 0: there is none any more */
        SPD_IOCTL_TRANSACT_RSP Rsp;
    } Dir;
} SPD_IOCTL_BATCH_ENTRY;

typedef struct _SPD_IOCTL_SET_TRANSACT_PID_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    UINT32 Btl;
    UINT32 ProcessId;
} SPD_IOCTL_SET_TRANSACT_PID_PARAMS;

typedef struct _SPD_IOCTL_LIFETIME_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
} SPD_IOCTL_LIFETIME_PARAMS;

/* A LIFETIME request that says which version its process was made for. */
typedef struct _SPD_IOCTL_VERSIONED_LIFETIME_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    UINT64 Version;                 /* SPD_IOCTL_VERSION */
} SPD_IOCTL_VERSIONED_LIFETIME_PARAMS;

/* Counts of all that a unit's transactions have brought. */
typedef struct _SPD_IOCTL_COUNTS_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    union {
        struct {
            UINT32 Btl;
        } Par;
        struct {
            UINT64 Calls;           /* those that brought requests */
            UINT64 Requests;
            UINT64 Together;        /* requests, of calls that brought several */
        } Ret;
    } Dir;
} SPD_IOCTL_COUNTS_PARAMS;

typedef struct _SPD_IOCTL_TRANSFER_LENGTH_PARAMS {
    SPD_IOCTL_BASE_PARAMS Base;
    union {
        struct {
            UINT32 Btl;
        } Par;
        struct {
            UINT32 MaxTransferLength;
        } Ret;
    } Dir;
} SPD_IOCTL_TRANSFER_LENGTH_PARAMS;

/* Not of the original: 0 when a bit without a meaning is set, or a grace is too long. Neither the
 * driver nor the DLL takes such parameters, behind any kind of device name. */
static inline BOOLEAN SpdIoctlParamsAreKnown(const SPD_IOCTL_STORAGE_UNIT_PARAMS *Params)
{
    static const UINT64 Known[] = SPD_IOCTL_PARAMS_RESERVED_KNOWN;
    /* The word of the flags, at byte 52. */
    UINT64 Unknown = ((const UINT32 *)(const void *)Params)[13] & ~(UINT32)0xf;
    UINT32 I;

    for (I = 0; I < sizeof Known / sizeof Known[0]; I++)
        Unknown |= Params->Reserved[I] & ~Known[I];
    return !Unknown && SPD_IOCTL_PARAMS_GRACE(Params) <= SPD_IOCTL_GRACE_MAX;
}

/* Where the data of a TRANSACT begins. */
#define SPD_IOCTL_TRANSACT_DATA(Params) ((PVOID)((SPD_IOCTL_TRANSACT_PARAMS *)(Params) + 1))

/* The layout is the interface: it is checked wherever it is used. */
#define SPD_IOCTL_ASSERT(Name, Condition) typedef char Name##_layout[(Condition) ? 1 : -1]
SPD_IOCTL_ASSERT(SpdParams, sizeof(SPD_IOCTL_STORAGE_UNIT_PARAMS) == 128);
SPD_IOCTL_ASSERT(SpdStatus, sizeof(SPD_IOCTL_STORAGE_UNIT_STATUS) == 32);
SPD_IOCTL_ASSERT(SpdUnmap, sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR) == 16);
SPD_IOCTL_ASSERT(SpdReq, sizeof(SPD_IOCTL_TRANSACT_REQ) == 32);
SPD_IOCTL_ASSERT(SpdRsp, sizeof(SPD_IOCTL_TRANSACT_RSP) == 48);
SPD_IOCTL_ASSERT(SpdBase, sizeof(SPD_IOCTL_BASE_PARAMS) == 8);
SPD_IOCTL_ASSERT(SpdProvision, sizeof(SPD_IOCTL_PROVISION_PARAMS) == 136);
SPD_IOCTL_ASSERT(SpdUnprovision, sizeof(SPD_IOCTL_UNPROVISION_PARAMS) == 24);
SPD_IOCTL_ASSERT(SpdList, sizeof(SPD_IOCTL_LIST_PARAMS) == 8);
SPD_IOCTL_ASSERT(SpdTransact, sizeof(SPD_IOCTL_TRANSACT_PARAMS) == 72);
SPD_IOCTL_ASSERT(SpdBatch, sizeof(SPD_IOCTL_BATCH_PARAMS) == 24);
SPD_IOCTL_ASSERT(SpdEntry, sizeof(SPD_IOCTL_BATCH_ENTRY) == 56);
SPD_IOCTL_ASSERT(SpdVersioned, sizeof(SPD_IOCTL_VERSIONED_LIFETIME_PARAMS) == 16);
SPD_IOCTL_ASSERT(SpdCounts, sizeof(SPD_IOCTL_COUNTS_PARAMS) == 32);
SPD_IOCTL_ASSERT(SpdSetPid, sizeof(SPD_IOCTL_SET_TRANSACT_PID_PARAMS) == 16);
SPD_IOCTL_ASSERT(SpdLifetime, sizeof(SPD_IOCTL_LIFETIME_PARAMS) == 8);
SPD_IOCTL_ASSERT(SpdTransferLength, sizeof(SPD_IOCTL_TRANSFER_LENGTH_PARAMS) == 16);

#if !defined(WINSPD_SYS_INTERNAL)
/*
 * A function for each code. They return a Win32 error, 0 for success. DeviceHandle comes from
 * SpdIoctlOpenDevice. Any thread may make any call.
 */

/* The path of a device interface, a device name, or the first device with a hardware id.
 * PathBufSize is in bytes. ERROR_MORE_DATA when it does not fit, ERROR_FILE_NOT_FOUND when there is
 * none. ClassGuid may be NULL: all classes. */
DWORD SPD_CALL SpdIoctlGetDevicePath(
    GUID *ClassGuid, PWSTR DeviceName, PWCHAR PathBuf, UINT32 PathBufSize);
DWORD SPD_CALL SpdIoctlOpenDevice(PWSTR DeviceName, PHANDLE PDeviceHandle);

/* A SCSI command by pass-through. DataDirection > 0: in, < 0: out. PDataLength: in, the length of
 * the buffer; out, the bytes that were moved. Sense is valid when *PScsiStatus is not GOOD. */
DWORD SPD_CALL SpdIoctlScsiExecute(HANDLE DeviceHandle, UINT32 Btl, PCDB Cdb, INT DataDirection,
    PVOID DataBuffer, PUINT32 PDataLength, PUCHAR PScsiStatus, UCHAR Sense[32]);
/* Waits until the unit answers a standard INQUIRY; InquiryData may be NULL. */
DWORD SPD_CALL SpdIoctlScsiInquiry(
    HANDLE DeviceHandle, UINT32 Btl, PINQUIRYDATA InquiryData, ULONG Timeout);

/* *PBtl is (UINT32)-1 after a failure. */
DWORD SPD_CALL SpdIoctlProvision(
    HANDLE DeviceHandle, const SPD_IOCTL_STORAGE_UNIT_PARAMS *StorageUnitParams, PUINT32 PBtl);
DWORD SPD_CALL SpdIoctlUnprovision(HANDLE DeviceHandle, const GUID *Guid);
/* *PListSize is in bytes: in, the length of ListBuf; out, of the list. */
DWORD SPD_CALL SpdIoctlGetList(HANDLE DeviceHandle, PUINT32 ListBuf, PUINT32 PListSize);
/* Rsp, Req or both. DataBuffer has MaxTransferLength bytes. */
DWORD SPD_CALL SpdIoctlTransact(HANDLE DeviceHandle, UINT32 Btl, SPD_IOCTL_TRANSACT_RSP *Rsp,
    SPD_IOCTL_TRANSACT_REQ *Req, PVOID DataBuffer);
DWORD SPD_CALL SpdIoctlSetTransactProcessId(HANDLE DeviceHandle, UINT32 Btl, ULONG ProcessId);
#endif

#ifdef __cplusplus
}
#endif

#endif
