/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The kernel that the driver sees when it is built as an ordinary program: the types and calls that
 * it uses, and no more. This header lists all kernel calls of the driver.
 */

#ifndef SHIM_NTIFS_H
#define SHIM_NTIFS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define _WIN64 1
#define NTAPI
#define __cdecl
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define VOID void
#define TRUE 1
#define FALSE 0
#define C_ASSERT(condition) _Static_assert(condition, #condition)
#define UNREFERENCED_PARAMETER(name) (void)(name)
#define ARRAYSIZE(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD_OFFSET(type, field) offsetof(type, field)
#define CONTAINING_RECORD(address, type, field) \
    ((type *)((char *)(address) - offsetof(type, field)))

typedef void *PVOID, *HANDLE;
typedef char *PCHAR;
typedef unsigned char UCHAR, *PUCHAR, BOOLEAN, *PBOOLEAN, KIRQL;
typedef uint8_t UINT8;
typedef uint16_t USHORT, UINT16;
typedef uint32_t ULONG, *PULONG, UINT32;
typedef int32_t LONG, NTSTATUS;
typedef uint64_t UINT64;
typedef uintptr_t ULONG_PTR, UINT_PTR, SIZE_T;
typedef wchar_t WCHAR, *PWSTR;
typedef union { int64_t QuadPart; } LARGE_INTEGER, PHYSICAL_ADDRESS;
typedef struct { UINT32 Data1; UINT16 Data2, Data3; UINT8 Data4[8]; } GUID;
typedef struct { USHORT Length, MaximumLength; WCHAR *Buffer; } UNICODE_STRING, *PUNICODE_STRING;
typedef enum { Internal } INTERFACE_TYPE;
typedef enum { LevelSensitive } KINTERRUPT_MODE;
typedef enum { Width8Bits } DMA_WIDTH;
typedef enum { Compatible } DMA_SPEED;

#define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)
#define STATUS_SUCCESS ((NTSTATUS)0)
#define STATUS_PENDING ((NTSTATUS)0x103)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xc0000001)
#define STATUS_ACCESS_VIOLATION ((NTSTATUS)0xc0000005)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xc000000d)
#define STATUS_ACCESS_DENIED ((NTSTATUS)0xc0000022)
#define STATUS_BUFFER_TOO_SMALL ((NTSTATUS)0xc0000023)
#define STATUS_OBJECT_NAME_NOT_FOUND ((NTSTATUS)0xc0000034)
#define STATUS_OBJECT_NAME_COLLISION ((NTSTATUS)0xc0000035)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xc000009a)
#define STATUS_CANCELLED ((NTSTATUS)0xc0000120)
#define STATUS_INVALID_DEVICE_STATE ((NTSTATUS)0xc0000184)
#define STATUS_CANNOT_MAKE ((NTSTATUS)0xc00002ea)

/* Lists */
typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink, *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

static inline void InitializeListHead(PLIST_ENTRY head)
{
    head->Flink = head->Blink = head;
}

static inline bool IsListEmpty(const LIST_ENTRY *head)
{
    return head->Flink == head;
}

static inline void RemoveEntryList(PLIST_ENTRY entry)
{
    entry->Blink->Flink = entry->Flink;
    entry->Flink->Blink = entry->Blink;
    entry->Flink = entry->Blink = NULL;
}

static inline PLIST_ENTRY RemoveHeadList(PLIST_ENTRY head)
{
    PLIST_ENTRY entry = head->Flink;

    RemoveEntryList(entry);
    return entry;
}

static inline void InsertTailList(PLIST_ENTRY head, PLIST_ENTRY entry)
{
    entry->Flink = head;
    entry->Blink = head->Blink;
    head->Blink->Flink = entry;
    head->Blink = entry;
}

/* Atomics */
#define InterlockedIncrement(at) (__atomic_add_fetch((at), 1, __ATOMIC_SEQ_CST))
#define InterlockedDecrement(at) (__atomic_sub_fetch((at), 1, __ATOMIC_SEQ_CST))
PVOID InterlockedExchangePointer(PVOID volatile *at, PVOID value);
PVOID InterlockedCompareExchangePointer(PVOID volatile *at, PVOID value, PVOID expected);

/* Spin locks */
typedef struct { pthread_mutex_t mutex; } KSPIN_LOCK;
void KeInitializeSpinLock(KSPIN_LOCK *lock);
void KeAcquireSpinLock(KSPIN_LOCK *lock, KIRQL *irql);
void KeReleaseSpinLock(KSPIN_LOCK *lock, KIRQL irql);

enum { PASSIVE_LEVEL, DISPATCH_LEVEL = 2 };
void KeRaiseIrql(KIRQL to, KIRQL *from);
void KeLowerIrql(KIRQL to);

/* The shim judges the driver's copies. */
PVOID shim_copy(PVOID to, const void *from, size_t length);
PVOID shim_fill(PVOID to, int byte, size_t length);
#if defined(SHIM_JUDGES_COPIES)
#define memcpy shim_copy
#define memset shim_fill
#endif

/* Pool */
typedef enum { NonPagedPool, NonPagedPoolNx = 512 } POOL_TYPE;
PVOID ExAllocatePoolWithTag(POOL_TYPE type, size_t size, ULONG tag);
void ExFreePoolWithTag(PVOID memory, ULONG tag);

/* Timers, DPCs, events */
typedef struct _KDPC *PKDPC;
typedef VOID KDEFERRED_ROUTINE(PKDPC dpc, PVOID context, PVOID argument1, PVOID argument2);
typedef struct _KDPC { KDEFERRED_ROUTINE *routine; PVOID context; } KDPC;
typedef struct { KDPC *dpc; } KTIMER;
typedef struct { bool set; } KEVENT;
enum { NotificationEvent, Executive = 0, KernelMode = 0, IO_NO_INCREMENT = 0 };
void KeInitializeTimer(KTIMER *timer);
BOOLEAN KeSetTimerEx(KTIMER *timer, LARGE_INTEGER due, LONG period, KDPC *dpc);
BOOLEAN KeCancelTimer(KTIMER *timer);
void KeInitializeDpc(KDPC *dpc, KDEFERRED_ROUTINE *routine, PVOID context);
void KeFlushQueuedDpcs(void);
void KeInitializeEvent(KEVENT *event, int type, BOOLEAN state);
LONG KeSetEvent(KEVENT *event, LONG increment, BOOLEAN wait);
void KeClearEvent(KEVENT *event);
NTSTATUS KeWaitForSingleObject(
    PVOID object, int reason, int mode, BOOLEAN alertable, LARGE_INTEGER *timeout);

/* Processes, and their threads, of which each has one */
typedef struct _ETHREAD {
    volatile LONG references;
    bool terminating;
} *PETHREAD;
typedef struct _EPROCESS {
    volatile LONG references;
    PETHREAD thread;
    ULONG id;
    ULONG user;         /* the last sub-authority of its SID */
    bool administrator;
} *PEPROCESS;
void ObReferenceObject(PVOID object);
void ObDereferenceObject(PVOID object);
BOOLEAN PsIsThreadTerminating(PETHREAD thread);
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name);
HANDLE PsGetProcessId(PEPROCESS process);
NTSTATUS PsLookupProcessByProcessId(HANDLE id, PEPROCESS *process);

/* Tokens, by handles: both kinds of handle are the process */
typedef PVOID PSID;
typedef struct { PSID Sid; ULONG Attributes; } SID_AND_ATTRIBUTES;
typedef struct { SID_AND_ATTRIBUTES User; } TOKEN_USER;
typedef struct { ULONG GroupCount; SID_AND_ATTRIBUTES Groups[1]; } TOKEN_GROUPS;
enum { TokenUser = 1, TokenGroups = 2, TOKEN_QUERY = 8 };
NTSTATUS ObOpenObjectByPointer(PVOID object, ULONG attributes, PVOID state, ULONG access,
    PVOID type, int mode, HANDLE *handle);
NTSTATUS ZwOpenProcessTokenEx(HANDLE process, ULONG access, ULONG attributes, HANDLE *token);
NTSTATUS ZwQueryInformationToken(
    HANDLE token, int what, PVOID information, ULONG length, ULONG *needed);
ULONG RtlLengthSid(PSID sid);

/* Devices and IRPs */
typedef struct _IRP IRP, *PIRP;
typedef struct _DEVICE_OBJECT {
    ULONG DeviceType;
    UCHAR path, target, lun; /* what the shim's StorPort knows of it */
    bool started;
    bool fails; /* to start */
} DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT device, PIRP irp);
typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
typedef struct { PDRIVER_DISPATCH MajorFunction[28]; } DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef VOID DRIVER_CANCEL(PDEVICE_OBJECT device, PIRP irp);
typedef struct {
    ULONG Removable : 1, SilentInstall : 1, SurpriseRemovalOK : 1;
} DEVICE_CAPABILITIES, *PDEVICE_CAPABILITIES;
typedef struct { NTSTATUS Status; ULONG_PTR Information; } IO_STATUS_BLOCK;
typedef struct { PVOID CompletionContext; } FILE_OBJECT, *PFILE_OBJECT;
typedef struct {
    UCHAR MinorFunction;
    PFILE_OBJECT FileObject;
    union {
        struct { ULONG OutputBufferLength, InputBufferLength; } DeviceIoControl;
        struct { PDEVICE_CAPABILITIES Capabilities; } DeviceCapabilities;
    } Parameters;
} IO_STACK_LOCATION, *PIO_STACK_LOCATION;
struct _IRP {
    struct { PVOID SystemBuffer; } AssociatedIrp;
    IO_STATUS_BLOCK IoStatus;
    _Atomic BOOLEAN Cancel;
    KIRQL CancelIrql;
    struct {
        struct { LIST_ENTRY ListEntry; PVOID DriverContext[4]; PETHREAD Thread; } Overlay;
    } Tail;
    DRIVER_CANCEL *cancel;
    PEPROCESS process;
    bool left; /* the thread that sent it has ended */
    IO_STACK_LOCATION stack;
    PVOID output;
};
enum { FILE_DEVICE_CONTROLLER = 4, FILE_DEVICE_DISK = 7, IRP_MJ_PNP = 27 };
enum {
    IRP_MN_START_DEVICE = 0,
    IRP_MN_QUERY_REMOVE_DEVICE = 1,
    IRP_MN_REMOVE_DEVICE = 2,
    IRP_MN_QUERY_CAPABILITIES = 9,
    IRP_MN_SURPRISE_REMOVAL = 0x17,
};
#define IoGetCurrentIrpStackLocation(irp) (&(irp)->stack)
DRIVER_CANCEL *IoSetCancelRoutine(PIRP irp, DRIVER_CANCEL *routine);
void IoReleaseCancelSpinLock(KIRQL irql);
PEPROCESS IoGetRequestorProcess(PIRP irp);
PIRP IoBuildDeviceIoControlRequest(ULONG code, PDEVICE_OBJECT device, PVOID input, ULONG in,
    PVOID output, ULONG out, BOOLEAN internal, KEVENT *event, IO_STATUS_BLOCK *status);
NTSTATUS IoCallDriver(PDEVICE_OBJECT device, PIRP irp);

typedef struct {
    ULONG dwOSVersionInfoSize, dwMajorVersion, dwMinorVersion;
} RTL_OSVERSIONINFOW;
NTSTATUS RtlGetVersion(RTL_OSVERSIONINFOW *version);
ULONG DbgPrintEx(ULONG component, ULONG level, const char *format, ...);

/* The registry */
typedef struct {
    ULONG TitleIndex, Type, DataLength;
    UCHAR Data[1];
} KEY_VALUE_PARTIAL_INFORMATION;
typedef struct { PUNICODE_STRING ObjectName; } OBJECT_ATTRIBUTES;
enum { REG_SZ = 1, REG_DWORD = 4, KEY_READ = 0, KeyValuePartialInformation = 2 };
enum { OBJ_CASE_INSENSITIVE = 0x40, OBJ_KERNEL_HANDLE = 0x200 };
#define InitializeObjectAttributes(attributes, name, flags, root, security) \
    ((attributes)->ObjectName = (name))
DECLSPEC_NORETURN void KeBugCheckEx(ULONG code, ULONG_PTR first, ULONG_PTR second, ULONG_PTR third,
    ULONG_PTR fourth);
void RtlInitUnicodeString(PUNICODE_STRING string, const WCHAR *text);
NTSTATUS ZwOpenKey(HANDLE *key, ULONG access, OBJECT_ATTRIBUTES *attributes);
NTSTATUS ZwQueryValueKey(HANDLE key, PUNICODE_STRING name, int what, PVOID value, ULONG length,
    ULONG *needed);
NTSTATUS ZwClose(HANDLE key);

#endif
