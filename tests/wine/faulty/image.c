/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The loaders of other kernels leave an image's imports otherwise than Wine's does. The faulty
 * driver does the same to its own image, so that the judge has to cope with it. */

#include "vstorport.h"
#include <ntimage.h>

#include "image.h"

static IMAGE_NT_HEADERS *headers(PDRIVER_OBJECT driver)
{
    UCHAR *image = driver->DriverStart;

    return (IMAGE_NT_HEADERS *)(image + ((IMAGE_DOS_HEADER *)image)->e_lfanew);
}

static IMAGE_IMPORT_DESCRIPTOR *libraries(PDRIVER_OBJECT driver)
{
    return (
        IMAGE_IMPORT_DESCRIPTOR *)((UCHAR *)driver->DriverStart +
                                   headers(driver)
                                       ->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT]
                                       .VirtualAddress);
}

void image_has_addresses(PDRIVER_OBJECT driver)
{
    ULONG_PTR image = (ULONG_PTR)driver->DriverStart;
    ULONG size = headers(driver)->OptionalHeader.SizeOfImage;
    IMAGE_IMPORT_DESCRIPTOR *library;

    for (library = libraries(driver); library->Name; library++) {
        IMAGE_THUNK_DATA *thunk = (IMAGE_THUNK_DATA *)(image + library->OriginalFirstThunk);

        for (; thunk->u1.AddressOfData; thunk++)
            if (thunk->u1.AddressOfData < size) /* an RVA; the loader may have been here first */
                thunk->u1.AddressOfData += image;
    }
}

ULONG image_hide_libraries(PDRIVER_OBJECT driver)
{
    ULONG name = libraries(driver)->Name;

    libraries(driver)->Name = 0; /* it ends the list */
    return name;
}

void image_show_libraries(PDRIVER_OBJECT driver, ULONG name)
{
    libraries(driver)->Name = name;
}
