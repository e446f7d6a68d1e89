/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of units, and the calls that need none. */

#include <stdio.h>
#include <string.h>

#include "disk.h"

static WCHAR name[64];

static void shutdown_is_no_error(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 4);

    CHECK(SpdStorageUnitStartDispatcher(unit, 1) == ERROR_INVALID_PARAMETER);
    CHECK(unit->DispatcherThreadId != 0 && unit->DispatcherThread != NULL);
    SpdStorageUnitShutdown(unit);
    CHECK(disk_end(unit) == 0);
    CHECK(disk_flushes == 1);
}

static void deletes_without_waiting_first(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 3);

    SpdStorageUnitDelete(unit);
    CHECK(disk_flushes == 1);
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == 0);
    SpdStorageUnitDelete(unit);
}

static void bad_parameters_are_refused(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = (void *)1;

    params.BlockLength = 0;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
    CHECK(unit == NULL);
    params = disk_params();
    params.MaxTransferLength = DISK_BLOCK + 1;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
    params = disk_params();
    params.BlockCount = 0;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
}

static void an_identity_is_used_once(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *units[SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY], *more;

    for (UINT32 i = 0; i < SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i++) {
        params.Guid.Data1 = i;
        CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &units[i]) == 0);
        CHECK(units[i] && units[i]->Btl == i);
        CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &more) == ERROR_ALREADY_EXISTS);
    }
    params.Guid.Data1 = 1000;
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &more) == ERROR_CANNOT_MAKE);
    for (UINT32 i = 0; i < SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i++)
        SpdStorageUnitDelete(units[i]);
}

static PVOID SPD_CALL no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static volatile LONG freed;

static VOID SPD_CALL count_free(PVOID pointer)
{
    (void)pointer;
    InterlockedIncrement(&freed);
}

static void a_failed_allocation_ends_the_unit(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;
    DWORD error;

    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &unit) == 0);
    SpdStorageUnitSetBufferAllocator(unit, no_memory, count_free);
    CHECK(SpdStorageUnitStartDispatcher(unit, 2) == 0);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherErrorF(unit, &error);
    CHECK(error == ERROR_NO_SYSTEM_RESOURCES);
    SpdStorageUnitSetDispatcherErrorF(unit, 5);
    SpdStorageUnitGetDispatcherErrorF(unit, &error);
    CHECK(error == ERROR_NO_SYSTEM_RESOURCES && freed == 0);
    SpdStorageUnitDelete(unit);
}

static void device_names_become_paths(void)
{
    static const struct {
        PWSTR name, path;
    } names[] = {
        { L"\\\\?\\x", L"\\\\?\\x" },
        { L"\\\\.\\PhysicalDrive1", L"\\\\.\\PhysicalDrive1" },
        { L"\\Device\\x", L"\\\\?\\GLOBALROOT\\Device\\x" },
        { L"x", L"\\\\?\\x" },
    };
    WCHAR path[100];

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(SpdIoctlGetDevicePath(NULL, names[i].name, path, sizeof path) == 0);
        CHECK(!lstrcmpW(path, names[i].path));
        CHECK(SpdIoctlGetDevicePath(NULL, names[i].name, path, 6) == ERROR_MORE_DATA);
    }
    CHECK(SpdIoctlGetDevicePath(NULL, L"root\\no-such-thing", path, sizeof path) ==
        ERROR_FILE_NOT_FOUND);
}

static void without_a_driver_there_is_no_device(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = (void *)1;
    HANDLE device = NULL;

    CHECK(SpdStorageUnitCreate(NULL, &params, &disk_interface, &unit) == ERROR_FILE_NOT_FOUND);
    CHECK(unit == NULL);
    CHECK(SpdIoctlOpenDevice(L"no-such-device", &device) != 0 && device == INVALID_HANDLE_VALUE);
}

static void a_partition_table_is_complete(void)
{
    SPD_PARTITION partition = { .Type = 7, .BlockAddress = 8, .BlockCount = 1048568 };
    UINT8 table[512], other[512];
    /* The last block is 1048575, CHS 65/69/4: not the one after it. */
    static const UINT8 entry[] = { 0, 0, 9, 0, 7, 69, 4, 65, 8, 0, 0, 0, 0xf8, 0xff, 0x0f, 0 };

    CHECK(SpdDefinePartitionTable(&partition, 1, table) == 0);
    CHECK(!memcmp(table, "\xcd\x18\xf4\xeb\xfd", 5) && table[510] == 0x55 && table[511] == 0xaa);
    CHECK(!memcmp(table + 446, entry, sizeof entry));
    CHECK(SpdDefinePartitionTable(&partition, 1, other) == 0);
    CHECK(memcmp(table + 440, other + 440, 4) != 0);
    CHECK(SpdDefinePartitionTable(&partition, 5, table) == ERROR_INVALID_PARAMETER);
    partition.BlockCount = 0xffffffff;
    CHECK(SpdDefinePartitionTable(&partition, 1, table) == ERROR_INVALID_PARAMETER);
}

static void the_version_is_known(void)
{
    UINT32 version = 0;

    CHECK(SpdVersion(&version) == 0 && version == 0x00010000);
}

static bool logged(void (*log)(void), const char *begin, const char *end)
{
    char line[256] = "";
    HANDLE from, to;
    DWORD got = 0;
    char *at;

    CreatePipe(&from, &to, NULL, 4096);
    SpdDebugLogSetHandle(to);
    log();
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
    CloseHandle(to);
    ReadFile(from, line, sizeof line - 1, &got, NULL);
    CloseHandle(from);
    printf("# %s", line);
    at = strstr(line, ": ");
    at = at ? strstr(at + 2, ": ") : NULL;
    return !strncmp(line, begin, strlen(begin)) && at && !strcmp(at + 2, end);
}

static void log_read(void)
{
    SPD_IOCTL_TRANSACT_REQ request = { .Hint = 0x1234, .Kind = SpdIoctlTransactReadKind };

    request.Op.Read.BlockAddress = 0x100000002;
    request.Op.Read.BlockCount = 3;
    request.Op.Read.ForceUnitAccess = 1;
    SpdDebugLogRequest(&request);
}

static void log_error(void)
{
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = 0x1234, .Kind = SpdIoctlTransactWriteKind };
    UINT64 information = 9;

    SpdStorageUnitStatusSetSense(&response.Status, 3, 0x0c, &information);
    SpdDebugLogResponse(&response);
}

static void the_debug_log_has_its_shape(void)
{
    CHECK(logged(log_read, "test-dll-", ">>Read  BlockAddress=1:2, BlockCount=3, FUA=1\n"));
    CHECK(logged(log_error, "test-dll-",
        "<<Write Status=CHECK_CONDITION SenseKey=MEDIUM_ERROR ASC/ASCQ=12/0 Information=0:9\n"));
}

static VOID SPD_CALL call_shutdown(PVOID unit)
{
    SpdStorageUnitShutdown(unit);
}

static void a_guard_forgets(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 0);
    SPD_GUARD guard = SPD_GUARD_INIT;

    SpdGuardSet(&guard, unit);
    SpdGuardExecute(&guard, call_shutdown);
    SpdStorageUnitWaitDispatcher(unit);
    SpdGuardSet(&guard, NULL);
    SpdStorageUnitDelete(unit);
    SpdGuardExecute(&guard, call_shutdown);
}

void test_unit(void)
{
    wsprintfW(name, L"\\\\.\\pipe\\spd-unit-%lu", GetCurrentProcessId());
    run("unit: a shutdown is no error", shutdown_is_no_error);
    run("unit: deleted without waiting first", deletes_without_waiting_first);
    run("unit: bad parameters are refused", bad_parameters_are_refused);
    run("unit: an identity is used once, and 64 units are the most", an_identity_is_used_once);
    run("unit: a failed allocation ends it", a_failed_allocation_ends_the_unit);
    run("unit: a guard forgets", a_guard_forgets);
    run("device names become paths", device_names_become_paths);
    run("without a driver there is no device", without_a_driver_there_is_no_device);
    run("a partition table is complete", a_partition_table_is_complete);
    run("the version is known", the_version_is_known);
    run("the debug log has its shape", the_debug_log_has_its_shape);
}
