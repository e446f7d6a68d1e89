/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#define _CRT_RAND_S
#include "devsetup.h"

#include <stdio.h>
#include <stdlib.h>

void driver_free(struct driver *driver)
{
    for (unsigned i = 0; i < driver->files; i++)
        free(driver->file[i]);
    for (unsigned i = 0; i < driver->olders; i++)
        free(driver->older[i]);
    driver->files = driver->olders = 0;
}

void driver_add_file(struct driver *driver, const wchar_t *path)
{
    if (driver->files < DRIVER_FILES_MAX) {
        driver->file[driver->files] = wcsdup(path);
        driver->files += driver->file[driver->files] != NULL;
    }
}

static UINT CALLBACK on_file(void *driver, UINT notification, UINT_PTR target, UINT_PTR unused)
{
    (void)unused;
    if (notification == SPFILENOTIFY_QUEUESCAN)
        driver_add_file(driver, (const wchar_t *)target);
    return NO_ERROR;
}

/* Lets SetupAPI plan the copying of the section's files again: only it knows all the rules by which
 * their targets follow from the INF. */
static void collect_files(struct driver *driver, const wchar_t *section)
{
    HINF inf = SetupOpenInfFileW(driver->inf, NULL, INF_STYLE_WIN4, NULL);
    HSPFILEQ queue = SetupOpenFileQueue();
    DWORD result;

    if (inf != INVALID_HANDLE_VALUE && queue != INVALID_HANDLE_VALUE &&
        SetupInstallFilesFromInfSectionW(inf, NULL, queue, section, NULL, 0))
        SetupScanFileQueueW(queue, SPQ_SCAN_USE_CALLBACK, NULL, on_file, driver, &result);
    if (queue != INVALID_HANDLE_VALUE)
        SetupCloseFileQueue(queue);
    if (inf != INVALID_HANDLE_VALUE)
        SetupCloseInfFile(inf);
}

static bool read_value(HKEY key, const wchar_t *name, wchar_t *text, DWORD count)
{
    DWORD size = count * sizeof(wchar_t);

    if (RegGetValueW(key, NULL, name, RRF_RT_REG_SZ, NULL, text, &size) == ERROR_SUCCESS)
        return true;
    text[0] = L'\0';
    return false;
}

void driver_collect_service(struct driver *driver, const struct device *device)
{
    SetupDiGetDeviceRegistryPropertyW(device->list, (SP_DEVINFO_DATA *)&device->node,
        SPDRP_SERVICE, NULL, (BYTE *)driver->service, sizeof driver->service - sizeof(wchar_t),
        NULL);
}

/* INVALID_HANDLE_VALUE without. */
static HKEY open_driver_key(const struct device *device)
{
    return SetupDiOpenDevRegKey(device->list, (SP_DEVINFO_DATA *)&device->node, DICS_FLAG_GLOBAL, 0,
        DIREG_DRV, KEY_READ);
}

/* The key is there early; the name of the INF is written at the end. */
bool driver_is_installed(const struct device *device)
{
    HKEY key = open_driver_key(device);
    wchar_t inf[MAX_PATH];
    bool installed;

    if (key == INVALID_HANDLE_VALUE)
        return false;
    installed = read_value(key, L"InfPath", inf, MAX_PATH);
    RegCloseKey(key);
    return installed;
}

void driver_collect(struct driver *driver, const struct device *device)
{
    wchar_t section[512], extension[128];
    HKEY key = open_driver_key(device);

    *driver = (struct driver){ 0 };
    driver_collect_service(driver, device);
    if (key == INVALID_HANDLE_VALUE)
        return;
    if (read_value(key, L"InfPath", driver->inf, MAX_PATH) &&
        read_value(key, L"InfSection", section, 256)) {
        if (read_value(key, L"InfSectionExt", extension, 128))
            wcscat(section, extension);
        collect_files(driver, section);
    }
    RegCloseKey(key);
}

static const wchar_t *base_name(const wchar_t *path)
{
    const wchar_t *slash = wcsrchr(path, L'\\');

    return slash ? slash + 1 : path;
}

/* The driver at an index of the list that was built: the published name of its INF, which the
 * caller frees, its section there and its provider. */
static wchar_t *driver_at(struct device *device, DWORD index, wchar_t section[LINE_LEN],
    wchar_t provider[LINE_LEN], bool *end)
{
    SP_DRVINFO_DATA_W driver = { .cbSize = sizeof driver };
    DWORD size = sizeof(SP_DRVINFO_DETAIL_DATA_W);
    SP_DRVINFO_DETAIL_DATA_W *detail;
    wchar_t *name = NULL;

    *end = !SetupDiEnumDriverInfoW(
        device->list, &device->node, SPDIT_COMPATDRIVER, index, &driver);
    if (*end)
        return NULL;
    wcscpy(provider, driver.ProviderName);
    SetupDiGetDriverInfoDetailW(device->list, &device->node, &driver, NULL, 0, &size);
    detail = calloc(1, size);
    if (detail) {
        detail->cbSize = sizeof *detail;
        if (SetupDiGetDriverInfoDetailW(
                device->list, &device->node, &driver, detail, size, NULL)) {
            name = wcsdup(base_name(detail->InfFileName));
            wcscpy(section, detail->SectionName);
        }
    }
    free(detail);
    return name;
}

/* Goes over the list twice: for the driver's provider, and for the provider's other packages. */
static void collect_of_provider(struct driver *driver, struct device *device)
{
    wchar_t section[LINE_LEN], provider[LINE_LEN], ours[LINE_LEN];
    bool known = false, end = false;

    for (DWORD i = 0; !end && !known; i++) {
        wchar_t *name = driver_at(device, i, section, ours, &end);
        known = name && !_wcsicmp(name, driver->inf);
        free(name);
    }
    end = !known;
    for (DWORD i = 0; !end && driver->olders < DRIVER_OLDER_MAX; i++) {
        wchar_t *name = driver_at(device, i, section, provider, &end);
        if (name && !wcscmp(provider, ours) && _wcsicmp(name, driver->inf) != 0)
            driver->older[driver->olders++] = name;
        else
            free(name);
    }
}

/* The first of the list: Windows would install it for a device whose installation has not come to
 * its end. */
static void collect_unfinished(struct driver *driver, struct device *device)
{
    wchar_t section[LINE_LEN], actual[LINE_LEN], provider[LINE_LEN];
    bool end;
    wchar_t *name = driver_at(device, 0, section, provider, &end);
    HINF inf;

    if (!name)
        return;
    wcsncpy(driver->inf, name, MAX_PATH - 1);
    free(name);
    inf = SetupOpenInfFileW(driver->inf, NULL, INF_STYLE_WIN4, NULL);
    if (inf == INVALID_HANDLE_VALUE)
        return;
    if (SetupDiGetActualSectionToInstallW(inf, section, actual, LINE_LEN, NULL, NULL))
        collect_files(driver, actual);
    SetupCloseInfFile(inf);
}

void driver_collect_packages(struct driver *driver, struct device *device)
{
    if (!SetupDiBuildDriverInfoList(device->list, &device->node, SPDIT_COMPATDRIVER))
        return;
    if (!driver->inf[0])
        collect_unfinished(driver, device);
    collect_of_provider(driver, device);
    SetupDiDestroyDriverInfoList(device->list, &device->node, SPDIT_COMPATDRIVER);
}

/* A file in use can be renamed and then goes when it is closed, so that a new one can take its
 * name at once. Returns false if only a restart can delete it. */
static bool delete_file(const wchar_t *name)
{
    wchar_t *aside = malloc((wcslen(name) + 34) * sizeof(wchar_t));
    unsigned random[4] = { 0 };
    bool gone = true;
    HANDLE file;

    if (!aside)
        return true;
    for (int i = 0; i < 4; i++)
        rand_s(&random[i]);
    swprintf(aside, wcslen(name) + 34, L"%ls.%08x%08x%08x%08x", name, random[0], random[1],
        random[2], random[3]);
    if (!MoveFileExW(name, aside, 0))
        wcscpy(aside, name);
    file = CreateFileW(aside, DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    else if (GetLastError() == ERROR_ACCESS_DENIED || GetLastError() == ERROR_SHARING_VIOLATION)
        gone = !MoveFileExW(aside, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
    free(aside);
    return gone;
}

/* The place where the service's INF named the file with the texts of its events. */
static void delete_event_sources(const wchar_t *service)
{
    static const wchar_t *const logs[] = { L"Application", L"System" };
    wchar_t key[320];

    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        swprintf(key, sizeof key / sizeof key[0],
            L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\%ls\\%ls", logs[i], service);
        RegDeleteKeyW(HKEY_LOCAL_MACHINE, key);
    }
}

/* The state once it is neither starting nor stopping; 0: unknown. */
static DWORD settled_state(SC_HANDLE service)
{
    enum { TRIES = 100, PAUSE_MS = 100 };
    SERVICE_STATUS status = { 0 };

    for (int i = 0; i < TRIES; i++) {
        if (!QueryServiceStatus(service, &status))
            return 0;
        if (status.dwCurrentState != SERVICE_START_PENDING &&
            status.dwCurrentState != SERVICE_STOP_PENDING)
            break;
        Sleep(PAUSE_MS);
    }
    return status.dwCurrentState;
}

bool driver_runs(const wchar_t *service)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE handle = manager ? OpenServiceW(manager, service, SERVICE_QUERY_STATUS) : NULL;
    bool runs = handle && settled_state(handle) == SERVICE_RUNNING;

    if (handle)
        CloseServiceHandle(handle);
    if (manager)
        CloseServiceHandle(manager);
    return runs;
}

/* A service without its file is an error whenever it is started; one that cannot be stopped is left
 * alone, so that it can be installed again before the restart. False: it is there. */
static bool delete_service(const wchar_t *name)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(
                                      manager, name, SERVICE_QUERY_STATUS | SERVICE_STOP | DELETE)
                                : NULL;
    SERVICE_STATUS status;
    bool deleted = true;

    if (service) {
        /* Most often the driver has gone with its last device, and this fails. */
        ControlService(service, SERVICE_CONTROL_STOP, &status);
        deleted = settled_state(service) == SERVICE_STOPPED && DeleteService(service);
        if (deleted)
            delete_event_sources(name);
        CloseServiceHandle(service);
    }
    if (manager)
        CloseServiceHandle(manager);
    return deleted;
}

void driver_delete(struct driver *driver, bool *reboot)
{
    if (driver->service[0])
        *reboot |= !delete_service(driver->service);
    /* The package goes before the files: with PnpLockdown they are Windows' as long as it is
     * there. */
    if (driver->inf[0])
        driver_unpublish(driver->inf);
    for (unsigned i = 0; i < driver->olders; i++)
        driver_unpublish(driver->older[i]);
    for (unsigned i = 0; i < driver->files; i++)
        *reboot |= !delete_file(driver->file[i]);
}

DWORD driver_publish(const wchar_t *inf, wchar_t name[MAX_PATH], bool *added)
{
    wchar_t path[MAX_PATH], *base = NULL;

    *added = SetupCopyOEMInfW(
        inf, NULL, SPOST_PATH, SP_COPY_NOOVERWRITE, path, MAX_PATH, NULL, &base);
    if (!*added && GetLastError() != ERROR_FILE_EXISTS)
        return fail(GetLastError(), L"cannot add the driver package of %ls", inf);
    wcscpy(name, base ? base : L"");
    return 0;
}

void driver_unpublish(const wchar_t *name)
{
    SetupUninstallOEMInfW(name, SUOI_FORCEDELETE, NULL);
}
