/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The DLL's own objects are on the heap of the process. */

#include "dll/dll.h"

void *dll_alloc(size_t size)
{
    return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size);
}

void dll_free(void *pointer)
{
    if (pointer)
        HeapFree(GetProcessHeap(), 0, pointer);
}
