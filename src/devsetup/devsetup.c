/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* devsetup: commands and the order of their steps. */

#include "devsetup.h"

static const wchar_t usage[] =
    L"usage: " PROGRAM L" add HARDWARE-ID FILE.inf\n"
    L"       " PROGRAM L" remove HARDWARE-ID\n"
    L"       " PROGRAM L" removedev HARDWARE-ID\n"
    L"\n"
    L"add        adds the device, unless there is one, and installs or updates its driver\n"
    L"remove     removes the device, its driver's files and the driver's package\n"
    L"removedev  removes the device only\n"
    L"\n"
    L"What cannot work is refused before anything is changed, and an add that fails leaves\n"
    L"nothing behind. Needs an administrator. Exit status: 0, 3010 when Windows must be\n"
    L"restarted, 2 when there is no such device or file, or another Win32 error.\n";

/* A device that was made here must not outlive a failure, nor what its driver brought. */
static void undo_add(struct device *device, struct driver *brings)
{
    bool reboot = false;

    driver_collect_service(brings, device);
    device_remove(device, &reboot);
    driver_delete(brings, &reboot);
}

/* The device is registered, and has a driver when this succeeds; it is gone when it fails. */
static DWORD give_driver(struct device *device, const wchar_t *hardware_id, const wchar_t *inf,
    struct driver *brings, bool *reboot)
{
    DWORD error = device_install(hardware_id, inf, false, reboot);

    if (!error)
        error = device_check(device, reboot);
    if (error)
        undo_add(device, brings);
    return error;
}

static DWORD add_new(const wchar_t *hardware_id, const wchar_t *inf, bool *reboot)
{
    struct device device = DEVICE_NONE;
    struct driver brings = { 0 };
    wchar_t package[MAX_PATH];
    bool added = false;
    DWORD error = device_create(&device, hardware_id, inf);

    if (!error)
        error = package_check(&device, hardware_id, inf, &brings);
    if (!error)
        error = driver_publish(inf, package, &added);
    if (!error)
        error = device_register(&device);
    if (!error)
        error = give_driver(&device, hardware_id, inf, &brings, reboot);
    if (error && added)
        driver_unpublish(package);
    driver_free(&brings);
    device_close(&device);
    return error;
}

/* A driver that has replaced one that ran, and does not run itself. */
static void undo_update(struct device *device, const struct driver *before, bool *reboot)
{
    struct driver driver = { 0 };

    driver_collect(&driver, device);
    if (_wcsicmp(driver.inf, before->inf) != 0 && device_roll_back(device, reboot))
        driver_unpublish(driver.inf);
    driver_free(&driver);
}

static DWORD update(
    struct device *device, const wchar_t *hardware_id, const wchar_t *inf, bool *reboot)
{
    struct driver before = { 0 };
    DWORD error;

    driver_collect(&before, device);
    error = device_install(hardware_id, inf, true, reboot);
    if (!error)
        error = device_check(device, reboot);
    /* As long as it goes on, nothing else can be installed. */
    if (error && error != ERROR_TIMEOUT)
        undo_update(device, &before, reboot);
    driver_free(&before);
    return error;
}

/* A running driver stays, whatever is wrong with the INF. */
static DWORD add_existing(
    struct device *device, const wchar_t *hardware_id, const wchar_t *inf, bool *reboot)
{
    struct driver brings = { 0 };
    DWORD error = device_check_class(device, inf);

    if (!error)
        error = package_check(device, hardware_id, inf, &brings);
    /* An add that was killed has left one without. */
    if (!error)
        error = driver_is_installed(device)
                    ? update(device, hardware_id, inf, reboot)
                    : give_driver(device, hardware_id, inf, &brings, reboot);
    driver_free(&brings);
    return error;
}

static DWORD find_inf(const wchar_t *argument, wchar_t inf[MAX_PATH])
{
    DWORD length = GetFullPathNameW(argument, MAX_PATH, inf, NULL);

    if (!argument[0])
        return fail(ERROR_INVALID_PARAMETER, L"the name of the INF file is empty");
    if (!length || length >= MAX_PATH)
        return fail(length ? ERROR_FILENAME_EXCED_RANGE : GetLastError(), L"cannot use %ls",
            argument);
    if (GetFileAttributesW(inf) == INVALID_FILE_ATTRIBUTES)
        return fail(GetLastError(), L"cannot read %ls", inf);
    return 0;
}

static DWORD add(wchar_t **argument, bool *reboot)
{
    struct device device = DEVICE_NONE;
    wchar_t inf[MAX_PATH];
    DWORD error = find_inf(argument[1], inf);

    if (error)
        return error;
    error = device_find(&device, argument[0]);
    if (error == ERROR_FILE_NOT_FOUND)
        return add_new(argument[0], inf, reboot);
    if (!error)
        error = add_existing(&device, argument[0], inf, reboot);
    device_close(&device);
    return error;
}

static DWORD find_to_remove(struct device *device, const wchar_t *hardware_id)
{
    DWORD error = device_find(device, hardware_id);

    return error == ERROR_FILE_NOT_FOUND
               ? fail(error, L"no present device has the hardware id %ls", hardware_id)
               : error;
}

static DWORD remove_all(wchar_t **argument, bool *reboot)
{
    struct device device = DEVICE_NONE, other = DEVICE_NONE;
    struct driver driver = { 0 };
    DWORD error = find_to_remove(&device, argument[0]);

    if (!error) {
        /* Once the device is gone Windows no longer says what its driver was. */
        driver_collect(&driver, &device);
        driver_collect_packages(&driver, &device);
        error = device_remove(&device, reboot);
    }
    /* The driver of a second device stays. */
    if (!error && device_find(&other, argument[0]) == ERROR_FILE_NOT_FOUND)
        driver_delete(&driver, reboot);
    driver_free(&driver);
    device_close(&other);
    device_close(&device);
    return error;
}

static DWORD remove_device(wchar_t **argument, bool *reboot)
{
    struct device device = DEVICE_NONE;
    DWORD error = find_to_remove(&device, argument[0]);

    if (!error)
        error = device_remove(&device, reboot);
    device_close(&device);
    return error;
}

static const struct command {
    const wchar_t *name;
    int arguments;
    DWORD (*run)(wchar_t **argument, bool *reboot);
} commands[] = {
    { L"add", 2, add },
    { L"remove", 1, remove_all },
    { L"removedev", 1, remove_device },
};

static DWORD run(const struct command *command, wchar_t **argument, bool *reboot)
{
    BOOL emulated = FALSE;
    HANDLE lock;
    DWORD error;

    if (!argument[0][0])
        return fail(ERROR_INVALID_PARAMETER, L"the hardware id is empty");
    /* SetupAPI says ERROR_IN_WOW64 late, after it has made the device. */
    if (IsWow64Process(GetCurrentProcess(), &emulated) && emulated)
        return fail((DWORD)ERROR_IN_WOW64, L"this Windows is a 64-bit one: use devsetup-x64.exe");
    /* Whether to trust a publisher, say. */
    if (!desktop_visible())
        SetupSetNonInteractiveMode(TRUE);
    /* Two that add at once would make two devices. */
    lock = CreateMutexW(NULL, FALSE, L"Global\\WinSpd.devsetup");
    if (lock)
        WaitForSingleObject(lock, INFINITE);
    error = command->run(argument, reboot);
    if (lock) {
        ReleaseMutex(lock);
        CloseHandle(lock);
    }
    return error;
}

/* The runtime's name for main() with wide arguments, which no header declares. */
int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    bool reboot = false;
    DWORD error;

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argc != 2 + commands[i].arguments || wcscmp(argv[1], commands[i].name) != 0)
            continue;
        error = run(&commands[i], argv + 2, &reboot);
        report_show();
        return (int)(error ? error : reboot ? ERROR_SUCCESS_REBOOT_REQUIRED : ERROR_SUCCESS);
    }
    report_text(usage);
    return ERROR_INVALID_PARAMETER;
}
