/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* malloc() on the process' heap. */

#include "ntapi.h"
#include <stdlib.h>

/* MinGW's PEB leaves most without a name: this is ProcessHeap. */
static HANDLE heap(void)
{
    return RtlGetCurrentPeb()->Reserved4[1];
}

void *malloc(size_t size)
{
    return RtlAllocateHeap(heap(), 0, size);
}

void *calloc(size_t count, size_t size)
{
    return RtlAllocateHeap(heap(), HEAP_ZERO_MEMORY, count * size);
}

void free(void *memory)
{
    if (memory)
        RtlFreeHeap(heap(), 0, memory);
}
