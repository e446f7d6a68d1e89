/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <bcrypt.h>

uint64_t os_now_ns(void)
{
    const uint64_t second = 1000000000u;
    LARGE_INTEGER frequency, now;
    uint64_t per_second, ticks;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    per_second = (uint64_t)frequency.QuadPart;
    ticks = (uint64_t)now.QuadPart;

    /* In two steps: the product would overflow after a few hours. */
    return ticks / per_second * second + ticks % per_second * second / per_second;
}

void os_utc_text(char text[OS_UTC_MAX])
{
    SYSTEMTIME now;

    GetSystemTime(&now);
    snprintf(text, OS_UTC_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", now.wYear, now.wMonth, now.wDay,
        now.wHour, now.wMinute, now.wSecond);
}

uint32_t os_cpu_count(void)
{
    DWORD_PTR process, system;
    uint32_t count = 0;

    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system)) {
        for (; process; process &= process - 1)
            count++;
    }
    return count ? count : 1;
}

int os_thread_bind(uint32_t index)
{
    DWORD_PTR process, system;

    if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &system) || !process)
        return -1; /* it has CPUs of several groups */
    index %= os_cpu_count();
    for (; index; index--)
        process &= process - 1;
    process &= ~process + 1;
    return SetThreadAffinityMask(GetCurrentThread(), process) ? __builtin_ctzll(process) : -1;
}

/* Sockets are handles, of which there are as many as memory allows. */
uint32_t os_descriptor_limit(void)
{
    return UINT32_MAX;
}

void os_random(void *buffer, size_t length)
{
    if (length > ULONG_MAX ||
        BCryptGenRandom(NULL, buffer, (ULONG)length, BCRYPT_USE_SYSTEM_PREFERRED_RNG))
        abort();
}

void *os_pages_alloc(size_t length)
{
    return VirtualAlloc(NULL, length, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void os_pages_free(void *pages, size_t length)
{
    (void)length;
    if (pages)
        VirtualFree(pages, 0, MEM_RELEASE);
}
