/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * devsetup: adds and removes a root-enumerated device and its driver.
 *
 * Functions return a Win32 error (0: success); those that fail have said why with fail(). Work that
 * only a restart can finish sets *reboot.
 */

#ifndef DEVSETUP_H
#define DEVSETUP_H

#include <winsock2.h>
#include <windows.h>
#include <setupapi.h>
#include <stdbool.h>

#define PROGRAM L"devsetup"

/* report.c: what the user gets to read. */

/* Keeps "what: the error's text" for report_show(); of several the first, which is the cause. An
 * error of 0 stands for one that Windows forgot to name. Returns the error. */
DWORD fail(DWORD error, const wchar_t *format, ...);

/* Writes the text that fail() kept, or without one nothing. */
void report_show(void);
void report_text(const wchar_t *text);
/* A window that nobody sees would wait for its button for ever: as a service's or an installer's
 * child there is no desktop that is shown. */
bool desktop_visible(void);

/* device.c: device nodes. */

struct device {
    HDEVINFO list; /* INVALID_HANDLE_VALUE: none */
    SP_DEVINFO_DATA node;
};

#define DEVICE_NONE                                                                                \
    {                                                                                              \
        .list = INVALID_HANDLE_VALUE                                                               \
    }

/* The first present device with that id; ERROR_FILE_NOT_FOUND, silently, if there is none. */
DWORD device_find(struct device *device, const wchar_t *hardware_id);
/* A new root-enumerated device of the INF's class, which is gone when it is closed... */
DWORD device_create(struct device *device, const wchar_t *hardware_id, const wchar_t *inf);
/* ...unless it is registered. It has no driver then. */
DWORD device_register(struct device *device);
/* Whether the INF is for devices of its class. */
DWORD device_check_class(const struct device *device, const wchar_t *inf);
/* Installs or updates the driver of all present devices with that hardware id. ERROR_TIMEOUT: it
 * goes on until devsetup ends. */
DWORD device_install(
    const wchar_t *hardware_id, const wchar_t *inf, bool only_if_better, bool *reboot);
/* Whether it runs: a driver that Windows refuses to load does not fail its installation. */
DWORD device_check(const struct device *device, bool *reboot);
/* Removes the device and its children. */
DWORD device_remove(struct device *device, bool *reboot);
/* Brings back the driver that the present one has replaced; false: Windows cannot. */
bool device_roll_back(struct device *device, bool *reboot);
void device_close(struct device *device);

/* driver.c: what an installed driver consists of. */

enum { DRIVER_FILES_MAX = 32, DRIVER_OLDER_MAX = 32 };

struct driver {
    wchar_t inf[MAX_PATH]; /* published name, oemN.inf; empty: not known */
    wchar_t *older[DRIVER_OLDER_MAX]; /* those of the same provider that it has replaced */
    unsigned olders;
    wchar_t service[256];
    wchar_t *file[DRIVER_FILES_MAX];
    unsigned files;
};

/* What the device's driver consists of, as far as Windows knows it. */
void driver_collect(struct driver *driver, const struct device *device);
/* Of that, only the service. */
void driver_collect_service(struct driver *driver, const struct device *device);
/* Also what a killed add, and updates, have left of packages. */
void driver_collect_packages(struct driver *driver, struct device *device);
/* Takes away what was collected, as far as possible. */
void driver_delete(struct driver *driver, bool *reboot);
void driver_free(struct driver *driver);
void driver_add_file(struct driver *driver, const wchar_t *path);
/* Whether the device's installation has come to its end, once. */
bool driver_is_installed(const struct device *device);
bool driver_runs(const wchar_t *service);

/* Adds the INF's package to those that Windows knows; name is what it is called there, and *added
 * says that it was not there before. */
DWORD driver_publish(const wchar_t *inf, wchar_t name[MAX_PATH], bool *added);
void driver_unpublish(const wchar_t *name);

/* package.c, image.c: what is looked at before anything is changed. */

/* Whether the INF has a driver for the hardware id, which the device has, and its files are there
 * and can be what they are called. Adds to brings where it would put a file that is not there. */
DWORD package_check(struct device *device, const wchar_t *hardware_id, const wchar_t *inf,
    struct driver *brings);
/* Whether a .sys is a driver for this kind of processor, and a .dll or .exe a program. */
DWORD image_check(const wchar_t *path, HANDLE file);

#endif
