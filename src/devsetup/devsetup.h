/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * devsetup: adds and removes a root-enumerated device and its driver.
 *
 * Functions return a Win32 error (0: success); a function that fails has called fail() with the
 * reason. Work that only a restart can finish sets *reboot.
 */

#ifndef DEVSETUP_H
#define DEVSETUP_H

#include <winsock2.h>
#include <windows.h>
#include <setupapi.h>
#include <stdbool.h>

#define PROGRAM L"devsetup"

/* report.c: what the user gets to read. */

/* Keeps "what: the error's text" for report_show(); the first of several is the cause. An error of
 * 0 is one that Windows forgot to name. Returns the error. */
DWORD fail(DWORD error, const wchar_t *format, ...);

/* Writes the text that fail() kept, or without one nothing. */
void report_show(void);
void report_text(const wchar_t *text);
/* A window that nobody sees would wait for its button for ever: a child of a service or an
 * installer has no visible desktop. */
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

/* driver.c: the parts of an installed driver. */

enum { DRIVER_FILES_MAX = 32, DRIVER_OLDER_MAX = 32 };

struct driver {
    wchar_t inf[MAX_PATH]; /* published name, oemN.inf; empty: not known */
    wchar_t *older[DRIVER_OLDER_MAX]; /* packages of the same provider that it has replaced */
    unsigned olders;
    wchar_t service[256];
    wchar_t *file[DRIVER_FILES_MAX];
    unsigned files;
};

/* The parts of the device's driver, as far as Windows knows them. */
void driver_collect(struct driver *driver, const struct device *device);
/* Only its service. */
void driver_collect_service(struct driver *driver, const struct device *device);
/* Also packages that a killed add, and updates, have left. */
void driver_collect_packages(struct driver *driver, struct device *device);
/* Removes the collected parts, as far as possible. */
void driver_delete(struct driver *driver, bool *reboot);
void driver_free(struct driver *driver);
void driver_add_file(struct driver *driver, const wchar_t *path);
/* Whether the device's installation has come to its end, once. */
bool driver_is_installed(const struct device *device);
bool driver_runs(const wchar_t *service);

/* Adds the INF's package to those that Windows knows. name is its name there, and *added says that
 * it is new. */
DWORD driver_publish(const wchar_t *inf, wchar_t name[MAX_PATH], bool *added);
void driver_unpublish(const wchar_t *name);

/* package.c, image.c: checks before anything is changed. */

/* Whether the INF has a driver for the device's hardware id, and its files are there and have the
 * right kind. Adds to brings where it would put a file that is not there. */
DWORD package_check(struct device *device, const wchar_t *hardware_id, const wchar_t *inf,
    struct driver *brings);
/* Whether a .sys is a driver for this kind of processor, and a .dll or .exe a program. */
DWORD image_check(const wchar_t *path, HANDLE file);

#endif
