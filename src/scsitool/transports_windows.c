/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Devices of Windows, by the DLL's pass-through. */

/* Before windows.h, whose macros have the names of our enumerators. */
#include "scsitool/transport.h"
#include "stgtest/winerror.h"

#include <winspd/winspd.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_CHARS = 1024, SENSE_LENGTH = 32 };

struct device {
    struct transport transport; /* first */
    HANDLE handle;
};

static int fail_system(const char *device, DWORD error)
{
    char text[256];

    if (!FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                FORMAT_MESSAGE_MAX_WIDTH_MASK,
            NULL, error, 0, text, sizeof text, NULL))
        text[0] = '\0';
    return transport_fail((int)error, "%s: %s", device, text);
}

static bool widen(const char *text, WCHAR wide[NAME_MAX_CHARS])
{
    return MultiByteToWideChar(CP_ACP, 0, text, -1, wide, NAME_MAX_CHARS) > 0;
}

static bool knows(const char *device)
{
    return !strstr(device, "://");
}

static int open_device(const char *name, struct transport **result)
{
    struct device *device = calloc(1, sizeof *device);
    WCHAR wide[NAME_MAX_CHARS];
    DWORD error = ERROR_INVALID_PARAMETER;

    if (!device)
        return fail_system(name, ERROR_NOT_ENOUGH_MEMORY);
    if (widen(name, wide))
        error = SpdIoctlOpenDevice(wide, &device->handle);
    if (error) {
        free(device);
        return fail_system(name, error);
    }
    device->transport.ops = &transport_winspd;
    *result = &device->transport;
    return 0;
}

static int execute(struct transport *transport, struct command *command)
{
    struct device *device = (struct device *)transport;
    UINT32 btl = SPD_IOCTL_BTL(command->bus, command->target, command->lun);
    UINT32 length = (UINT32)command->data_length;
    DWORD error = SpdIoctlScsiExecute(device->handle, btl, (PCDB)command->cdb, length ? 1 : 0,
        command->data, &length, &command->status, command->sense);

    if (error)
        return fail_system("pass-through", error);
    command->data_length = length;
    command->sense_length = command->status ? SENSE_LENGTH : 0;
    return 0;
}

static void close_device(struct transport *transport)
{
    struct device *device = (struct device *)transport;

    CloseHandle(device->handle);
    free(device);
}

const struct transport_ops transport_winspd = {
    .knows = knows,
    .open = open_device,
    .execute = execute,
    .close = close_device,
};

const struct transport_ops *const transports[] = {
    &transport_pipe,
    &transport_winspd,
    NULL,
};

const bool transports_address = true;

const char transports_devices[] = "give root\\winspd, \\\\.\\PhysicalDriveN or another device";

const char transports_help[] =
    "DEVICE is \\\\.\\PhysicalDriveN, another device name, a unit's pipe, as in\n"
    "\\\\.\\pipe\\NAME\\0, or a hardware id: the adapter\n"
    "is root\\winspd. b:t:l (bus, target, logical unit) chooses one of its units;\n"
    "without it that is 0:0:0.\n";

int transports_print_path(const char *device)
{
    WCHAR wide[NAME_MAX_CHARS], path[NAME_MAX_CHARS];
    DWORD error = ERROR_INVALID_PARAMETER;

    if (widen(device, wide))
        error = SpdIoctlGetDevicePath(NULL, wide, path, sizeof path);
    if (error)
        return fail_system(device, error);
    printf("%ls\n", path);
    return 0;
}
