/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Declarations of the system that our public headers need, for a compiler that takes them as
 * Microsoft's does: MinGW's own headers are for GCC. */

#ifndef MSVC_WINDOWS_H
#define MSVC_WINDOWS_H

#if defined(__GNUC__) || !defined(_MSC_VER)
#error "this is to be compiled as Microsoft's compiler would"
#endif

#include <stddef.h>

#define VOID void
#define ZeroMemory(at, size) __builtin_memset(at, 0, size)

typedef char CHAR;
typedef unsigned char UCHAR, UINT8, BOOLEAN, *PUCHAR;
typedef unsigned short USHORT, UINT16;
typedef int INT;
typedef unsigned int UINT32, *PUINT32;
typedef long LONG;
typedef unsigned long ULONG, DWORD;
typedef unsigned long long UINT64, *PUINT64;
typedef void *PVOID, *HANDLE;
typedef HANDLE *PHANDLE;
#if defined(__cplusplus)
typedef wchar_t WCHAR;
#else
typedef unsigned short WCHAR;
#endif
typedef WCHAR *PWSTR, *PWCHAR;

typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID;

typedef struct _SRWLOCK {
    PVOID Ptr;
} SRWLOCK, *PSRWLOCK;
#define SRWLOCK_INIT { 0 }

#ifdef __cplusplus
extern "C" {
#endif
VOID __stdcall InitializeSRWLock(PSRWLOCK Lock);
VOID __stdcall AcquireSRWLockExclusive(PSRWLOCK Lock);
VOID __stdcall AcquireSRWLockShared(PSRWLOCK Lock);
VOID __stdcall ReleaseSRWLockExclusive(PSRWLOCK Lock);
VOID __stdcall ReleaseSRWLockShared(PSRWLOCK Lock);
LONG InterlockedCompareExchange(LONG volatile *Destination, LONG Exchange, LONG Comparand);
void MemoryBarrier(void);
#ifdef __cplusplus
}
#endif

/* Clang would take them all the same. */
#pragma clang poison __attribute__ __extension__ __typeof__ typeof __asm__ _Alignas

#endif
