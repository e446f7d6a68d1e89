/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t os_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void os_utc_text(char text[OS_UTC_MAX])
{
    time_t now = time(NULL);
    struct tm utc;

    if (!gmtime_r(&now, &utc) || strftime(text, OS_UTC_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        *text = 0;
}

uint32_t os_cpu_count(void)
{
    cpu_set_t set;
    long online;

    /* The affinity mask, not the machine: a server that is pinned to two CPUs has two. */
    if (!sched_getaffinity(0, sizeof set, &set))
        return (uint32_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

int os_thread_bind(uint32_t index)
{
    cpu_set_t set, chosen;

    if (sched_getaffinity(0, sizeof set, &set))
        return -1;
    index %= (uint32_t)CPU_COUNT(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &set) || index--)
            continue;
        CPU_ZERO(&chosen);
        CPU_SET(cpu, &chosen);
        return sched_setaffinity(0, sizeof chosen, &chosen) ? -1 : cpu;
    }
    return -1;
}

uint32_t os_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)limit.rlim_cur;
}

void os_random(void *buffer, size_t length)
{
    unsigned char *bytes = buffer;

    while (length) {
        ssize_t got = getrandom(bytes, length, 0);

        /* Only large requests meet short reads and interruptions (getrandom(2)). A kernel without
         * the call cannot give random bytes, which are a must. */
        if (got <= 0)
            abort();
        bytes += got;
        length -= (size_t)got;
    }
}

void *os_pages_alloc(size_t length)
{
    void *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

void os_pages_free(void *pages, size_t length)
{
    if (pages)
        munmap(pages, length);
}
