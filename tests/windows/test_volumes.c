/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* File systems of Windows on a disk of rawdisk, mounted in a folder so that no letter is used. */

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "../wine/programs/check.h"
#include "kit_disk.h"

#define FILES 6
#define WORDS (1 << 20)
#define FILE_LENGTH (WORDS * sizeof(UINT32))

static struct kit_disk disk;

/* The program's own lines stay in the output: they say why. */
static DWORD run_program(const char *line)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    PROCESS_INFORMATION process;
    char copy[3 * MAX_PATH];
    DWORD code = 1;

    fflush(stdout);
    snprintf(copy, sizeof copy, "%s", line);
    if (!CreateProcessA(NULL, copy, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        fail(__FILE__, __LINE__, "%s cannot be started: error %lu", line, GetLastError());
    CloseHandle(process.hThread);
    if (WaitForSingleObject(process.hProcess, 5 * PATIENCE))
        TerminateProcess(process.hProcess, 1);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    return code;
}

/* The disk is looked at again, right before its contents are destroyed. */
static BOOL format(const char *system)
{
    struct disk_identity found;
    char line[2 * MAX_PATH];
    FILE *file;

    CHECK(identity_read(disk.number, &found) && identity_is(&found, &disk.identity));
    file = fopen(disk.script, "w");
    CHECK(file);
    fprintf(file, "select disk %d\nattributes disk clear readonly noerr\nonline disk noerr\n"
        "clean\ncreate partition primary\nformat fs=%s quick label=WINSPDKIT\n"
        "assign mount=\"%s\"\n", disk.number, system, disk.volume);
    CHECK(!fclose(file));
    snprintf(line, sizeof line, "diskpart /s \"%s\"", disk.script);
    return run_program(line) == 0;
}

static void begin(const char *system, unsigned gibibytes, BOOL must)
{
    kit_disk_make(&disk, gibibytes);
    if (format(system))
        return;
    kit_disk_remove(&disk);
    if (must)
        fail(__FILE__, __LINE__, "diskpart cannot format %s; what it printed says why", system);
    skip("this Windows does not format %s", system);
}

static void fill(UINT32 *words, UINT32 seed)
{
    UINT32 i, state = seed * 2654435761u + 1;

    for (i = 0; i < WORDS; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        words[i] = state;
    }
}

static void name_of(char *path, size_t room, const char *kind, UINT32 number)
{
    snprintf(path, room, "%.200s\\%s-%lu", disk.volume, kind, (unsigned long)number);
}

static void write_file(UINT32 number, UINT32 *words)
{
    char path[MAX_PATH], copy[MAX_PATH];
    DWORD done;
    HANDLE file;

    fill(words, number);
    name_of(path, sizeof path, "file", number);
    name_of(copy, sizeof copy, "copy", number);
    file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, words, FILE_LENGTH, &done, NULL) && done == FILE_LENGTH);
    CHECK(FlushFileBuffers(file));
    CHECK(CloseHandle(file));
    CHECK(CopyFileA(path, copy, TRUE));
}

static void check_file(const char *kind, UINT32 number, const UINT32 *wanted, UINT32 *words)
{
    char path[MAX_PATH];
    DWORD done;
    HANDLE file;

    name_of(path, sizeof path, kind, number);
    file = CreateFileA(
        path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_NO_BUFFERING, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(ReadFile(file, words, FILE_LENGTH, &done, NULL) && done == FILE_LENGTH);
    CHECK_BYTES(words, wanted, FILE_LENGTH);
    CloseHandle(file);
}

static void check_files(UINT32 *wanted, UINT32 *words)
{
    UINT32 i;

    for (i = 0; i < FILES; i++) {
        fill(wanted, i);
        check_file("file", i, wanted, words);
        check_file("copy", i, wanted, words);
    }
}

/* FlushFileBuffers() brings all to the volume's disk: copies too. */
static void flush_volume(void)
{
    char volume[80], root[MAX_PATH + 2];
    HANDLE handle;

    snprintf(root, sizeof root, "%s\\", disk.volume);
    CHECK(GetVolumeNameForVolumeMountPointA(root, volume, sizeof volume));
    volume[strlen(volume) - 1] = 0;
    handle = CreateFileA(volume, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
        NULL, OPEN_EXISTING, 0, NULL);
    CHECK(handle != INVALID_HANDLE_VALUE);
    CHECK(FlushFileBuffers(handle));
    CloseHandle(handle);
}

static BOOL is_there_again(void)
{
    char path[MAX_PATH];

    name_of(path, sizeof path, "copy", FILES - 1);
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

/* The server is killed after a flush, as by a crash: all that was flushed is there afterwards. */
static void holds_what_was_copied(const char *system, unsigned gibibytes, BOOL must)
{
    UINT32 *wanted = VirtualAlloc(NULL, FILE_LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    UINT32 *words = VirtualAlloc(NULL, FILE_LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    char line[MAX_PATH + 20];
    UINT32 i;

    CHECK(wanted && words);
    begin(system, gibibytes, must);
    for (i = 0; i < FILES; i++)
        write_file(i, words);
    check_files(wanted, words);
    flush_volume();
    kit_disk_kill(&disk);
    kit_disk_start(&disk);
    WAIT_UNTIL(is_there_again());
    check_files(wanted, words);
    snprintf(line, sizeof line, "chkdsk \"%s\"", disk.volume);
    CHECK(!must || run_program(line) == 0);
    kit_disk_remove(&disk);
    CHECK(GetFileAttributesA(disk.folder) == INVALID_FILE_ATTRIBUTES);
    VirtualFree(wanted, 0, MEM_RELEASE);
    VirtualFree(words, 0, MEM_RELEASE);
}

static void ntfs(void)
{
    holds_what_was_copied("ntfs", 1, TRUE);
}

/* Not every edition of Windows formats ReFS. The smallest volume of ReFS grew to some GiB; the
 * image is sparse. */
static void refs(void)
{
    holds_what_was_copied("refs", 8, FALSE);
}

/* If one of the four values differs, the disk is somebody else's and must not be formatted. */
static void no_other_disk_is_taken(void)
{
    struct disk_identity found, other;
    int number;

    kit_disk_make(&disk, 1);
    CHECK(identity_read(disk.number, &found));
    CHECK(identity_is(&found, &disk.identity));
    other = found;
    other.vendor[0] = 'X';
    CHECK(!identity_is(&other, &disk.identity));
    other = found;
    strcat(other.product, "2");
    CHECK(!identity_is(&other, &disk.identity));
    other = found;
    other.serial[35] ^= 1;
    CHECK(!identity_is(&other, &disk.identity));
    other = found;
    other.bytes += 512;
    CHECK(!identity_is(&other, &disk.identity));
    number = disk.number;
    kit_disk_kill(&disk);
    CHECK(!identity_read(number, &found) || !identity_is(&found, &disk.identity));
    kit_disk_start(&disk);
    kit_disk_remove(&disk);
    CHECK(GetFileAttributesA(disk.folder) == INVALID_FILE_ATTRIBUTES);
}

const struct test volume_tests[] = {
    { "volumes: no other disk is taken for the kit's", no_other_disk_is_taken },
    { "volumes: NTFS holds what was copied", ntfs, .needs = NEEDS_WINDOWS },
    { "volumes: ReFS holds what was copied", refs, .needs = NEEDS_WINDOWS },
    { 0 }
};
