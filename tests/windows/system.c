/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where the driver cannot be tested, the reason is one that Windows tells by a number at best: here
 * it becomes a sentence that says what to do. */

#include "system.h"

#include <cfgmgr32.h>
#include <setupapi.h>
#include <stdio.h>
#include <winternl.h>

#include "../wine/programs/client.h"

NTSTATUS NTAPI RtlGetVersion(RTL_OSVERSIONINFOW *version); /* not in the headers for programs */

#define SERVICE "SYSTEM\\CurrentControlSet\\Services\\WinSpd"
#define SECURE_BOOT "SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\State"

static bool is_elevated(void)
{
    TOKEN_ELEVATION elevation = { 0 };
    DWORD length;
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    GetTokenInformation(token, TokenElevation, &elevation, sizeof elevation, &length);
    CloseHandle(token);
    return elevation.TokenIsElevated;
}

enum { TEST_SIGNING = 2, MEMORY_INTEGRITY = 0x400 };

static ULONG code_integrity(void)
{
    enum { CODE_INTEGRITY = 103 };
    struct {
        ULONG length, options;
    } integrity = { sizeof integrity, 0 };

    return NtQuerySystemInformation(
               (SYSTEM_INFORMATION_CLASS)CODE_INTEGRITY, &integrity, sizeof integrity, NULL)
        ? 0
        : integrity.options;
}

static DWORD registry_number(const char *path, const char *name)
{
    DWORD value = 0, length = sizeof value;

    RegGetValueA(HKEY_LOCAL_MACHINE, path, name, RRF_RT_REG_DWORD, NULL, &value, &length);
    return value;
}

static bool has_key(const char *path)
{
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key))
        return false;
    RegCloseKey(key);
    return true;
}

static void look_for_device(struct system *system)
{
    HDEVINFO devices =
        SetupDiGetClassDevsW(NULL, L"ROOT", NULL, DIGCF_ALLCLASSES | DIGCF_PRESENT);
    SP_DEVINFO_DATA device = { .cbSize = sizeof device };
    DWORD i;

    for (i = 0; SetupDiEnumDeviceInfo(devices, i, &device); i++) {
        WCHAR ids[256] = { 0 };
        ULONG status, problem;

        SetupDiGetDeviceRegistryPropertyW(
            devices, &device, SPDRP_HARDWAREID, NULL, (BYTE *)ids, sizeof ids - 4, NULL);
        if (lstrcmpiW(ids, L"root\\winspd"))
            continue;
        system->device = true;
        if (!CM_Get_DevNode_Status(&status, &problem, device.DevInst, 0) &&
            status & DN_HAS_PROBLEM)
            system->problem = problem;
    }
    SetupDiDestroyDeviceInfoList(devices);
}

static void look_at_adapter(struct system *system)
{
    UINT32 list[256];
    DWORD bytes = 0;

    adapter = open_adapter();
    if (adapter == INVALID_HANDLE_VALUE) {
        system->adapter_error = GetLastError();
        return;
    }
    system->has_double = has_double();
    if (!list_units(list, sizeof list, &bytes))
        system->units = bytes / sizeof *list;
    CloseHandle(adapter);
}

static bool is_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version");
}

static void look_for_launcher(struct system *system)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceA(manager, "WinSpd.Launcher", SERVICE_QUERY_CONFIG);
    union {
        QUERY_SERVICE_CONFIGA config;
        char room[8192];
    } found;
    DWORD length;

    system->launcher =
        service && QueryServiceConfigA(service, &found.config, sizeof found, &length);
    system->launcher_knows = !is_wine() ||
        (system->launcher && strstr(found.config.lpBinaryPathName, "launcher-test-"));
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
}

void system_look(struct system *system)
{
    memset(system, 0, sizeof *system);
    system->elevated = is_elevated();
    system->test_signing = code_integrity() & TEST_SIGNING;
    system->memory_integrity = code_integrity() & MEMORY_INTEGRITY;
    system->secure_boot = registry_number(SECURE_BOOT, "UEFISecureBootEnabled") != 0;
    system->service = has_key(SERVICE);
    look_for_device(system);
    look_at_adapter(system);
    look_for_launcher(system);
}

static void print_file(const char *name, const char *path)
{
    static UCHAR block[8192];
    VS_FIXEDFILEINFO *info;
    UINT length;

    if (!GetFileVersionInfoA(path, 0, sizeof block, block) ||
        !VerQueryValueA(block, "\\", (void **)&info, &length))
        printf("%s: %s, which has no version (error %lu)\n", name, path, GetLastError());
    else
        printf("%s: %s, version %lu.%lu.%lu.%lu\n", name, path, info->dwFileVersionMS >> 16,
            info->dwFileVersionMS & 0xffff, info->dwFileVersionLS >> 16,
            info->dwFileVersionLS & 0xffff);
}

static void print_files(void)
{
    char path[MAX_PATH];

    if (GetModuleFileNameA(GetModuleHandleA("winspd-" ARCH ".dll"), path, sizeof path))
        print_file("DLL", path);
    GetSystemDirectoryA(path, sizeof path - 40);
    strcat(path, "\\drivers\\winspd-" ARCH ".sys");
    print_file("driver", path);
}

static void print_windows(void)
{
    static const char key[] = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
    const char *(*wine_version)(void);
    FARPROC found = GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version");
    RTL_OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };
    char product[128] = "", edition[128] = "";
    DWORD length = sizeof product;

    RtlGetVersion(&version);
    RegGetValueA(HKEY_LOCAL_MACHINE, key, "ProductName", RRF_RT_REG_SZ, NULL, product, &length);
    length = sizeof edition;
    RegGetValueA(HKEY_LOCAL_MACHINE, key, "EditionID", RRF_RT_REG_SZ, NULL, edition, &length);
    printf("Windows: %lu.%lu.%lu.%lu, %s, edition %s\n", version.dwMajorVersion,
        version.dwMinorVersion, version.dwBuildNumber, registry_number(key, "UBR"), product,
        edition);
    memcpy(&wine_version, &found, sizeof found);
    if (found)
        printf("Wine: %s\n", wine_version());
}

/* Not its name, nor its owner's: the report is sent. */
static void print_machine(void)
{
    static const char key[] = "HARDWARE\\DESCRIPTION\\System\\BIOS";
    MEMORYSTATUSEX memory = { .dwLength = sizeof memory };
    char maker[80] = "", product[80] = "";
    DWORD length = sizeof maker;
    SYSTEM_INFO info;

    RegGetValueA(
        HKEY_LOCAL_MACHINE, key, "SystemManufacturer", RRF_RT_REG_SZ, NULL, maker, &length);
    length = sizeof product;
    RegGetValueA(
        HKEY_LOCAL_MACHINE, key, "SystemProductName", RRF_RT_REG_SZ, NULL, product, &length);
    GetNativeSystemInfo(&info);
    GlobalMemoryStatusEx(&memory);
    printf("machine: %s, %s, %lu processors, %llu MiB\n", maker, product,
        info.dwNumberOfProcessors, memory.ullTotalPhys >> 20);
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

void system_print(const struct system *system)
{
    print_windows();
    print_machine();
    printf("program: " ARCH "\nadministrator: %s\nSecure Boot: %s\ntest signing: %s\n"
        "memory integrity: %s\n", yes(system->elevated), yes(system->secure_boot),
        yes(system->test_signing), yes(system->memory_integrity));
    printf("service: %s\ndevice: %s, problem code %lu\nadapter: error %lu\n", yes(system->service),
        yes(system->device), system->problem, system->adapter_error);
    printf("StorPort double: %s\nunits: %lu\nlauncher: %s\n", yes(system->has_double),
        system->units, yes(system->launcher));
    print_files();
}

static const struct {
    DWORD problem;
    const char *advice;
} problems[] = {
    { 10, "Windows cannot start it. The event log System, source WinSpd, may say why." },
    { 14, "Windows has to be restarted first." },
    { 22, "It is disabled: enable it in the device manager." },
    { 28, "It has no driver: devsetup-x64 add root\\winspd winspd.inf" },
    { 39, "Its driver's file is damaged, or refuses this Windows: install it again." },
    { 52, "Windows does not trust the signature of its driver. If that is a test signature:\n"
        "switch Secure Boot off in the firmware, type `bcdedit /set testsigning on`, restart." },
};

static void explain_problem(const struct system *system)
{
    unsigned i;

    fprintf(stderr, "The device root\\winspd does not work: code %lu.\n", system->problem);
    for (i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i].problem == system->problem)
            fprintf(stderr, "%s\n", problems[i].advice);
    if (!system->test_signing)
        fprintf(stderr, "Test signing is off; Secure Boot is %s.\n",
            system->secure_boot ? "on, and has to be off for test signing" : "off");
}

bool system_is_ready(const struct system *system)
{
    if (!system->elevated)
        fprintf(stderr, "This prompt is not an administrator's: only those may open the adapter.\n"
            "Start it again from a prompt that was opened by \"Run as administrator\".\n");
    else if (!system->device)
        fprintf(stderr, "The driver is not installed: type\n"
            "    devsetup-x64 add root\\winspd winspd.inf\n"
            "in the folder of the package.\n");
    else if (system->problem)
        explain_problem(system);
    else if (system->adapter_error)
        fprintf(stderr, "The adapter cannot be opened: error %lu.\n", system->adapter_error);
    else if (system->units && !system->has_double)
        fprintf(stderr, "There are %lu disks of other programs, which the tests would disturb.\n"
            "End those programs first.\n", system->units);
    else
        return true;
    return false;
}

const char *system_refuses(const struct system *system, unsigned needs)
{
    if (needs & NEEDS_DOUBLE && !system->has_double)
        return "only the StorPort double under Wine can do what it needs";
    if (needs & NEEDS_WINDOWS && system->has_double)
        return "only Windows has the disks and volumes that it needs";
    if (needs & NEEDS_NO_DRIVER && system->device)
        return "the driver is installed";
    if (needs & NEEDS_LAUNCHER && !system->launcher)
        return "the launcher's service is not installed";
    if (needs & NEEDS_RIGHTS && !system->launcher_knows)
        return "under Wine the launcher cannot tell its clients apart, nor send CTRL_BREAK";
    return NULL;
}
