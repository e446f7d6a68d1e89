/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of units, and the calls that need none. */

#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

#include "disk.h"

static WCHAR name[64], name_of_newer[64];

static void shutdown_is_no_error(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 4);

    CHECK(SpdStorageUnitStartDispatcher(unit, 1) == ERROR_INVALID_PARAMETER);
    CHECK(unit->DispatcherThreadId != 0 && unit->DispatcherThread);
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
    CHECK(!unit);
    params = disk_params();
    params.MaxTransferLength = DISK_BLOCK + 1;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
    params = disk_params();
    params.BlockCount = 0;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
    params = disk_params();
    params.Reserved[0] = 1; /* the driver's grace */
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == ERROR_INVALID_PARAMETER);
}

static bool is_refused(const SPD_STORAGE_UNIT_PARAMS *params)
{
    SPD_STORAGE_UNIT *unit;
    DWORD error = SpdStorageUnitCreate(name, params, &disk_interface, &unit);

    if (unit)
        SpdStorageUnitDelete(unit);
    return error == ERROR_INVALID_PARAMETER;
}

/* The driver's verdicts: ioctl: provision_refuses_reserved_bits. */
static void what_is_reserved_is_refused(void)
{
    static const UINT64 reserved[8] = { [0] = (UINT64)-4 << 32, [2] = (UINT64)-1 << 32,
        [5] = (UINT64)-1, [6] = (UINT64)-1, [7] = (UINT64)-1 };
    SPD_STORAGE_UNIT_PARAMS params;

    for (unsigned i = 0; i < 8 * 64; i++) {
        params = disk_params();
        params.Reserved[i / 64] = reserved[i / 64] & (UINT64)1 << i % 64;
        CHECK(!params.Reserved[i / 64] || is_refused(&params));
    }
    for (unsigned bit = 4; bit < 32; bit++) {
        params = disk_params();
        ((UINT32 *)(void *)&params)[13] |= 1u << bit;
        CHECK(is_refused(&params));
    }
    for (unsigned i = 3; i < 5; i++) { /* a world wide name of no NAA */
        params = disk_params();
        params.Reserved[i] = 1;
        CHECK(is_refused(&params));
    }
    params = disk_params();
    params.Reserved[0] = SPD_IOCTL_UNMAP_ZEROS;
    CHECK(!is_refused(&params));
    params.UnmapSupported = 0;
    CHECK(is_refused(&params));
}

static volatile LONG warnings;

static void count_warning(void *context, int level, const char *text)
{
    (void)context;
    if (level == 1 && strstr(text, "the Guid of this disk is zero") && strstr(text, "spd-unit-"))
        InterlockedIncrement(&warnings);
}

static void a_zero_guid_is_served_with_a_warning(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    static const GUID zero;
    SPD_STORAGE_UNIT *unit, *second;
    WCHAR path[72];
    HANDLE pipe;

    wsprintfW(path, L"%s\\0", name);
    warnings = 0;
    spd_log_set(count_warning, NULL);
    SpdStorageUnitDelete(disk_start(name, &params, 1));
    CHECK(warnings == 0);
    params.Guid = zero;
    unit = disk_start(name, &params, 1);
    CHECK(disk_await(&warnings, 1));
    pipe = client_open(path, &greeting);
    CHECK(pipe != INVALID_HANDLE_VALUE && !memcmp(&greeting.Guid, &zero, sizeof zero));
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &second) == ERROR_ALREADY_EXISTS);
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
    spd_log_set(NULL, NULL);
}

static void an_identity_is_used_once(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *units[SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY], *more;

    for (UINT32 i = 0; i < SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i++) {
        params.Guid.Data1 = i;
        CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &units[i]) == 0);
        CHECK(units[i] && units[i]->Btl == i << 8);
        CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &more) == ERROR_ALREADY_EXISTS);
    }
    params.Guid.Data1 = 1000;
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &more) == ERROR_CANNOT_MAKE);
    for (UINT32 i = 0; i < SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i++)
        SpdStorageUnitDelete(units[i]);
}

static void a_stale_shutdown_leaves_a_newer_unit_alone(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    SPD_STORAGE_UNIT *old = disk_start(name, &params, 1), *unit;
    static struct message message;
    WCHAR path[72];
    HANDLE pipe;

    SpdStorageUnitShutdown(old);
    SpdStorageUnitWaitDispatcher(old);
    unit = disk_start(name_of_newer, &params, 1);
    SpdStorageUnitShutdown(old);
    SpdStorageUnitDelete(old);
    wsprintfW(path, L"%s\\0", name_of_newer);
    pipe = client_open(path, &greeting);
    client_transfer(&message, 1, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static void the_name_for_clients_is_known(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;
    WCHAR wanted[72], found[72];
    UINT32 size;

    wsprintfW(wanted, L"%s\\0", name);
    size = (UINT32)(wcslen(wanted) + 1) * sizeof *wanted;
    CHECK(SpdStorageUnitCreate(name, &params, NULL, &unit) == 0);
    CHECK(SpdStorageUnitGetDeviceName(unit, found, size - 1) == ERROR_MORE_DATA);
    CHECK(SpdStorageUnitGetDeviceName(unit, found, size) == 0 && !wcscmp(found, wanted));
    SpdStorageUnitDelete(unit);
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
    CHECK(!unit);
    CHECK(SpdIoctlOpenDevice(L"no-such-device", &device) != 0 && device == INVALID_HANDLE_VALUE);
}

static void an_inquiry_says_why_it_fails(void)
{
    WCHAR path[MAX_PATH];
    HANDLE file;
    DWORD error;

    CHECK(SpdIoctlScsiInquiry(INVALID_HANDLE_VALUE, 0, NULL, 60000) == ERROR_INVALID_HANDLE);
    GetModuleFileNameW(NULL, path, MAX_PATH);
    file = CreateFileW(
        path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    error = SpdIoctlScsiInquiry(file, 0, NULL, 1);
    CHECK(error != 0 && error != ERROR_TIMEOUT);
    CloseHandle(file);
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
    CHECK(memcmp(table + 440, "\0\0\0", 4) != 0);
    CHECK(SpdDefinePartitionTable(&partition, 5, table) == ERROR_INVALID_PARAMETER);
    partition.BlockCount = 0xffffffff;
    CHECK(SpdDefinePartitionTable(&partition, 1, table) == ERROR_INVALID_PARAMETER);
}

static void a_partition_table_has_what_fits(void)
{
    SPD_PARTITION bad[] = {
        { .Type = 7, .BlockAddress = 8, .BlockCount = 0 },
        { .Type = 7, .BlockAddress = (UINT64)-1, .BlockCount = 2 },
        { .Type = 7, .BlockAddress = 0xffffffff, .BlockCount = 2 },
        { .Type = 0, .BlockAddress = 8, .BlockCount = 1 },
        { .Type = 7, .Active = 1, .BlockAddress = 8, .BlockCount = 1 },
    };
    SPD_PARTITION two[] = {
        { .Type = 7, .Active = 0x80, .BlockAddress = 8, .BlockCount = 100 },
        { .Type = 12, .BlockAddress = 107, .BlockCount = 40000000 },
    };
    UINT8 table[512], none[64] = { 0 }, untouched[512];

    memset(untouched, 0xab, sizeof untouched);
    memset(table, 0xab, sizeof table);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(SpdDefinePartitionTable(&bad[i], 1, table) == ERROR_INVALID_PARAMETER);
    CHECK(SpdDefinePartitionTable(two, 2, table) == ERROR_INVALID_PARAMETER); /* overlap */
    CHECK(!memcmp(table, untouched, sizeof table));
    two[1].BlockAddress++;
    CHECK(SpdDefinePartitionTable(two, 2, table) == 0);
    CHECK(table[446] == 0x80 && table[462] == 0 && table[466] == 12);
    CHECK(!memcmp(table + 467, "\xfe\xff\xff", 3)); /* beyond what CHS can say */
    CHECK(!memcmp(table + 478, none, 32));
    CHECK(SpdDefinePartitionTable(NULL, 0, table) == 0);
    CHECK(!memcmp(table + 446, none, 64) && table[510] == 0x55 && table[511] == 0xaa);
}

static void the_version_is_known(void)
{
    UINT32 version = 0;

    CHECK(SpdVersion(&version) == 0 && version == 0x00010000);
}


static void a_guard_forgets(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 0);
    SPD_GUARD guard = SPD_GUARD_INIT;

    SpdGuardSet(&guard, unit);
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
    SpdStorageUnitWaitDispatcher(unit);
    SpdGuardSet(&guard, NULL);
    SpdStorageUnitDelete(unit);
    SpdGuardExecute(&guard, SpdStorageUnitShutdown);
}

static SPD_GUARD console_guard = SPD_GUARD_INIT;
static volatile LONG console_events;

static BOOL WINAPI console_handler(DWORD type)
{
    (void)type;
    SpdGuardExecute(&console_guard, SpdStorageUnitShutdown);
    InterlockedIncrement(&console_events);
    return TRUE;
}

/* In a process of its own: Ctrl-C reaches every process of a console, so this one gets another. */
static int child_of_a_console(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, 2);

    SpdGuardSet(&console_guard, unit);
    CHECK(SetConsoleCtrlHandler(console_handler, TRUE));
    /* Without a console there are no events, and nobody to wait for. */
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) {
        CHECK(!"there is a console");
        SpdStorageUnitShutdown(unit);
    }
    SpdStorageUnitWaitDispatcher(unit);
    SpdGuardSet(&console_guard, NULL);
    CHECK(disk_end(unit) == 0 && disk_flushes == 1);
    /* An answer that comes too late finds nothing. */
    GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    CHECK(disk_await(&console_events, 2));
    return 0;
}

int dll_child(const char *child)
{
    if (strcmp(child, "dll: console"))
        return CHILD_UNKNOWN;
    FreeConsole();
    CHECK(AllocConsole());
    unit_begin();
    return child_of_a_console();
}

static void a_console_event_through_a_guard_is_an_orderly_end(void)
{
    CHECK(end_of_child(start_child("dll: console", "-", FALSE, NULL)) == 0);
}

void unit_begin(void)
{
    wsprintfW(name, L"\\\\.\\pipe\\spd-unit-%lu", GetCurrentProcessId());
    wsprintfW(name_of_newer, L"%s-newer", name);
}

const struct test unit_tests[] = {
    { "unit: a shutdown is no error", shutdown_is_no_error },
    { "unit: deleted without waiting first", deletes_without_waiting_first },
    { "unit: bad parameters are refused", bad_parameters_are_refused },
    { "unit: what is reserved is refused on pipes", what_is_reserved_is_refused },
    { "unit: a zero GUID is served with a warning", a_zero_guid_is_served_with_a_warning },
    { "unit: an identity is used once, and 64 units are the most", an_identity_is_used_once },
    { "unit: a stale shutdown leaves a newer unit of its identity alone",
        a_stale_shutdown_leaves_a_newer_unit_alone },
    { "unit: the name for clients is known", the_name_for_clients_is_known },
    { "unit: a failed allocation ends it, and frees nothing", a_failed_allocation_ends_the_unit },
    { "unit: a guard forgets", a_guard_forgets },
    { "unit: a console event through a guard is an orderly end",
        a_console_event_through_a_guard_is_an_orderly_end },
    { "device names become paths", device_names_become_paths },
    { "without a driver there is no device",
        without_a_driver_there_is_no_device, .needs = NEEDS_NO_DRIVER },
    { "a partition table is complete", a_partition_table_is_complete },
    { "a partition table has what fits", a_partition_table_has_what_fits },
    { "an inquiry says why it fails", an_inquiry_says_why_it_fails },
    { "the version is known", the_version_is_known },
    { 0 }
};
