/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Devices with a number in their name, and the links by which programs open them. The link is made
 * first: where its name is taken there is no device yet, and none has to be deleted.
 */

#include "double.h"

NTSYSAPI int __cdecl _snwprintf(wchar_t *buffer, size_t size, const wchar_t *format, ...);

#define ROOM 48

static void format_name(UNICODE_STRING *name, wchar_t *buffer, const wchar_t *format, ULONG number)
{
    _snwprintf(buffer, ROOM, format, (unsigned)number);
    RtlInitUnicodeString(name, buffer);
}

static NTSTATUS create(DRIVER_OBJECT *driver, const struct names *names, ULONG size, ULONG number,
    DEVICE_OBJECT **device)
{
    wchar_t device_buffer[ROOM], link_buffer[ROOM];
    UNICODE_STRING name, link;
    NTSTATUS status;

    format_name(&name, device_buffer, names->device, number);
    format_name(&link, link_buffer, names->link, number);
    status = IoCreateSymbolicLink(&link, &name);
    if (status)
        return status;
    status = IoCreateDevice(
        driver, size, &name, names->type, FILE_DEVICE_SECURE_OPEN, FALSE, device);
    if (status)
        IoDeleteSymbolicLink(&link);
    return status;
}

NTSTATUS named_device_create(DRIVER_OBJECT *driver, const struct names *names, ULONG size,
    DEVICE_OBJECT **device, ULONG *number)
{
    NTSTATUS status = STATUS_OBJECT_NAME_COLLISION;

    /* Kernels have different errors for a name that is taken: each is a reason to go on. */
    for (*number = names->first; *number < names->end; ++*number) {
        status = create(driver, names, size, *number, device);
        if (!status)
            break;
    }
    return status;
}

void named_device_unlink(const struct names *names, ULONG number)
{
    wchar_t buffer[ROOM];
    UNICODE_STRING link;

    format_name(&link, buffer, names->link, number);
    IoDeleteSymbolicLink(&link);
}
