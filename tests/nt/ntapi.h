/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Exports of ntdll that MinGW's <winternl.h> does not declare, and what the files here share. */

#ifndef NT_NTAPI_H
#define NT_NTAPI_H

#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <winternl.h>

#define NT_CURRENT_PROCESS ((HANDLE)(LONG_PTR)-1)
#define NT_CURRENT_THREAD ((HANDLE)(LONG_PTR)-2)

struct nt_process {
    ULONG size;
    HANDLE process, thread;
    CLIENT_ID id;
    ULONG_PTR image[16]; /* SECTION_IMAGE_INFORMATION; more than enough */
};
struct nt_thread_basic {
    NTSTATUS exit_status;
    PVOID teb;
    CLIENT_ID id;
    ULONG_PTR affinity;
    LONG priority, base_priority;
};

ULONG __cdecl DbgPrint(const char *format, ...);
NTSTATUS NTAPI NtCreateEvent(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, ULONG kind, BOOLEAN set);
NTSTATUS NTAPI NtDelayExecution(BOOLEAN, PLARGE_INTEGER);
NTSTATUS NTAPI NtFlushBuffersFile(HANDLE, PIO_STATUS_BLOCK);
NTSTATUS NTAPI NtReadFile(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK, PVOID, ULONG,
    PLARGE_INTEGER, PULONG);
NTSTATUS NTAPI NtResumeThread(HANDLE, PULONG);
NTSTATUS NTAPI NtSetEvent(HANDLE, PLONG before);
NTSTATUS NTAPI NtShutdownSystem(ULONG);
NTSTATUS NTAPI NtTerminateProcess(HANDLE, NTSTATUS);
NTSTATUS NTAPI NtTerminateThread(HANDLE, NTSTATUS);
NTSTATUS NTAPI NtWriteFile(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK, PVOID, ULONG,
    PLARGE_INTEGER, PULONG);
NTSTATUS NTAPI RtlAdjustPrivilege(ULONG, BOOLEAN, BOOLEAN, BOOLEAN *);
NTSTATUS NTAPI RtlCreateProcessParameters(PRTL_USER_PROCESS_PARAMETERS *, PUNICODE_STRING image,
    PUNICODE_STRING dll_path, PUNICODE_STRING directory, PUNICODE_STRING command_line,
    PVOID environment, PUNICODE_STRING, PUNICODE_STRING, PUNICODE_STRING, PUNICODE_STRING);
NTSTATUS NTAPI RtlCreateUserProcess(PUNICODE_STRING image, ULONG attributes,
    PRTL_USER_PROCESS_PARAMETERS, PVOID, PVOID, HANDLE parent, BOOLEAN inherit, HANDLE, HANDLE,
    struct nt_process *);
NTSTATUS NTAPI RtlCreateUserThread(HANDLE process, PVOID, BOOLEAN suspended, ULONG, SIZE_T, SIZE_T,
    VOID(NTAPI *)(PVOID), PVOID, PHANDLE, CLIENT_ID *);
NTSTATUS NTAPI RtlDestroyProcessParameters(PRTL_USER_PROCESS_PARAMETERS);
PPEB NTAPI RtlGetCurrentPeb(VOID);
ULONG NTAPI RtlGetLastWin32Error(VOID);
VOID NTAPI RtlSetLastWin32Error(ULONG);

/* thread.c: TRUE for success; FALSE, with the last error, for STATUS_PENDING and what is none. */
BOOL nt_ok(NTSTATUS status);
/* file.c: opens a name of the object manager's. */
NTSTATUS nt_open(HANDLE *file, const char *name, ACCESS_MASK access, ULONG options);
/* The text has one byte a character; the buffer has room for count of them. */
void nt_unicode(UNICODE_STRING *string, WCHAR *buffer, unsigned count, const char *text);

#endif
