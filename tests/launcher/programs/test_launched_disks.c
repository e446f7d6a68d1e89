/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Disks of rawdisk, started by the launcher and served through the driver. */

#include "launched.h"

#include <winioctl.h>

#include "launch/volume.h"

#define LENGTH (1 << 20)
#define GUID_TEXT "0f5c2a1e-7b3d-4c6f-9a88-1d2e3f405162"

static char path[2 * MAX_PATH], other_path[2 * MAX_PATH];

/* As an installer registers it, save that the disk has no partition: Windows lets nobody write to
 * the blocks of a volume past it. */
static void add_rawdisk(const char *more)
{
    char program[MAX_PATH], line[200];

    CHECK(GetModuleFileNameA(NULL, program, sizeof program));
    CHECK(strlen(program) < MAX_PATH - 20);
    strcpy(strrchr(program, '\\') + 1, "rawdisk-" ARCH ".exe");
    snprintf(line, sizeof line, "-f %%1 -c 65536 --no-mbr%s", more);
    class_add("rawdisk");
    class_text("rawdisk", "Executable", program);
    class_text("rawdisk", "CommandLine", line);
    strcpy(path, file_of("one.rawdisk"));
    strcpy(other_path, file_of("two.rawdisk"));
}

static const char *message(char letter, const char *instance, bool with_file)
{
    static char texts[2][5 * MAX_PATH];
    static unsigned next;
    char *text = texts[next++ % 2];

    snprintf(text, sizeof texts[0], "%ckit-rawdisk|%s|%s%s", letter, instance,
        with_file ? instance : "", with_file ? "|" : "");
    return text;
}

static int disk_of(const char *instance)
{
    struct view found;

    return view("kit-rawdisk", instance, &found) ? found.disk : -1;
}

static int start(const char *instance)
{
    int disk;

    ANSWERS(message('S', instance, true), "$");
    WAIT_UNTIL((disk = disk_of(instance)) >= 0);
    return disk;
}

static HANDLE open_disk(int number)
{
    char name[40];
    HANDLE disk;

    snprintf(name, sizeof name, "\\\\.\\PhysicalDrive%d", number);
    WAIT_UNTIL((disk = CreateFileA(name, GENERIC_READ | GENERIC_WRITE,
                    FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL)) !=
        INVALID_HANDLE_VALUE);
    return disk;
}

static void holds_what_is_written(int number)
{
    UINT8 *data = VirtualAlloc(NULL, LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    HANDLE disk = open_disk(number);
    OVERLAPPED start = { 0 }; /* a disk of Wine's has no position of its own */
    DWORD done;

    CHECK(data);
    fill_pattern(data, 0, LENGTH / BLOCK, 3);
    CHECK(WriteFile(disk, data, LENGTH, &done, &start) && done == LENGTH);
    memset(data, 0, LENGTH);
    CHECK(ReadFile(disk, data, LENGTH, &done, &start) && done == LENGTH);
    CHECK(is_pattern(data, 0, LENGTH / BLOCK, 3));
    CloseHandle(disk);
    VirtualFree(data, 0, MEM_RELEASE);
}

static bool is_listed(const char *instance)
{
    char line[3 * MAX_PATH];

    snprintf(line, sizeof line, "kit-rawdisk %s\n", instance);
    return strstr(instances(), line);
}

static void a_disk_is_served_and_ejected(void)
{
    add_rawdisk("");
    holds_what_is_written(start(path));
    ANSWERS(message('T', path, false), "$");
    WAIT_UNTIL(!is_listed(path));
}

/* It may come after the disk. */
static bool has_volume(const char *instance)
{
    struct launch_volumes volumes;
    struct view found;
    size_t count;

    CHECK(view("kit-rawdisk", instance, &found));
    CHECK_EQUAL(launch_volume_find(LAUNCH_VOLUMES, found.process, &volumes), 0);
    count = volumes.count;
    launch_volume_release(&volumes);
    return count != 0;
}

/* Wine answers FSCTL_LOCK_VOLUME by itself; the double takes a dismount for a lock, and Wine then
 * complains that it knows no such mount. */
static HANDLE use_volume(int number)
{
    HANDLE volume = open_disk(number);
    DWORD length;

    CHECK(DeviceIoControl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &length, NULL) ||
        GetLastError() == ERROR_BAD_DEV_TYPE);
    return volume;
}

/* Unless by force, which says so, does it, and forgets what was stored. */
static void a_volume_in_use_is_stopped_by_force_alone(void)
{
    struct records now;
    HANDLE volume;
    int number;

    add_rawdisk("");
    class_number("rawdisk", "Persistent", 1);
    number = start(path);
    WAIT_UNTIL(has_volume(path));
    volume = use_volume(number);
    ANSWERS(message('T', path, false), "!2404|");
    ANSWERS(message('T', path, false), "!2404|");
    CHECK(is_listed(path) && is_stored("rawdisk", path));
    now = records_now();
    ANSWERS(message('F', path, false), "$");
    wait_for_record(&now, "forced to stop although a program uses the volume", NULL);
    WAIT_UNTIL(!is_listed(path));
    CHECK_EQUAL(stored_count("rawdisk"), 0);
    CloseHandle(volume);
}

static void other_instances_keep_their_volumes(void)
{
    int first, other;

    add_rawdisk("");
    first = start(path);
    other = start(other_path);
    CHECK(first != other);
    ANSWERS(message('T', path, false), "$");
    WAIT_UNTIL(!is_listed(path));
    CHECK(is_listed(other_path));
    holds_what_is_written(other);
}

/* A stop takes no other volumes than its own. */
static void a_volume_in_use_hinders_no_other_instance(void)
{
    HANDLE volume;
    int other;

    add_rawdisk("");
    start(path);
    other = start(other_path);
    WAIT_UNTIL(has_volume(path) && has_volume(other_path));
    volume = use_volume(other);
    ANSWERS(message('T', path, false), "$");
    WAIT_UNTIL(!is_listed(path));
    CHECK(is_listed(other_path));
    CloseHandle(volume);
}

static void a_view_tells_the_disks_guid(void)
{
    struct view found;

    add_rawdisk(" --guid " GUID_TEXT);
    start(path);
    CHECK(view("kit-rawdisk", path, &found));
    CHECK(!lstrcmpiA(found.guid, GUID_TEXT));
}

/* The disk's number in what launchctl list -l shows a user; -1: none. */
static int disk_of_user(const char *instance)
{
    const char *line = ctl_as_user("list -l")->output;
    unsigned long number;

    while ((line = strchr(line, '\n'))) {
        line++;
        if (sscanf(line, "%*u %*s %*u %lu kit-rawdisk", &number) == 1 && strstr(line, instance))
            return (int)number;
    }
    return -1;
}

static void a_user_creates_mounts_and_ejects_a_disk(void)
{
    char words[5 * MAX_PATH];
    int number;

    add_rawdisk("");
    class_text("rawdisk", "Security", ANYBODY_STARTS);
    snprintf(words, sizeof words, "start kit-rawdisk \"%s\" \"%s\"", path, path);
    USER_READS("OK\n", words);
    WAIT_UNTIL((number = disk_of_user(path)) >= 0);
    holds_what_is_written(number);
    snprintf(words, sizeof words, "stop kit-rawdisk \"%s\"", path);
    USER_READS("OK\n", words);
    WAIT_FOR_INSTANCES("");
}

const struct test launched_disks_tests[] = {
    { "launcher: a disk is served and ejected", a_disk_is_served_and_ejected },
    { "launcher: a volume in use is stopped by force alone",
        a_volume_in_use_is_stopped_by_force_alone, .needs = NEEDS_DOUBLE },
    { "launcher: other instances keep their volumes", other_instances_keep_their_volumes },
    { "launcher: a volume in use hinders no other instance",
        a_volume_in_use_hinders_no_other_instance, .needs = NEEDS_DOUBLE },
    { "launcher: a view tells the disk's GUID", a_view_tells_the_disks_guid },
    { 0 }
};
const struct test launched_users_tests[] = {
    { "rights: a user who is no administrator creates, mounts and ejects a disk",
        a_user_creates_mounts_and_ejects_a_disk },
    { 0 }
};
