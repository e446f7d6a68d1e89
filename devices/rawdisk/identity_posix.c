/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <spd/spd.h>

#define MACHINE_ID "/etc/machine-id" /* machine-id(5) */
#define FOLDER     "/var/lib/winspd"

/* The first line of a small file, without its end; empty: there is none. */
static void read_line(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(text, size, file))
        *text = '\0';
    if (file)
        fclose(file);
    text[strcspn(text, "\n")] = '\0';
}

void identity_machine(uint8_t machine[16], char text[IDENTITY_MACHINE_MAX])
{
    char name[IDENTITY_MACHINE_MAX + 8];

    memset(machine, 0, 16);
    read_line(MACHINE_ID, text, IDENTITY_MACHINE_MAX);
    /* An image of a system has "uninitialized", or nothing, until its first start. */
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32 || strspn(text, "0") == 32)
        return;
    snprintf(name, sizeof name, "machine:%s", text);
    spd_guid_from_name(name, machine);
}

/* Some file systems invent inode numbers, and the next mount has others. */
static bool inodes_last(int fd)
{
    static const unsigned made_up[] = {
        MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC, FUSE_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
        SMB2_SUPER_MAGIC,
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof made_up / sizeof made_up[0]; i++) {
        if ((unsigned)fs.f_type == made_up[i])
            return false;
    }
    return true;
}

static void identify_file(int fd, struct state *state)
{
    struct statx file;

    if (!inodes_last(fd) ||
        statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &file) != 0)
        return;
    state->inode = file.stx_ino;
    if (file.stx_mask & STATX_BTIME)
        state->birth = (uint64_t)file.stx_btime.tv_sec * 1000000000u + file.stx_btime.tv_nsec;
}

/* Notes the device's own name for itself. A partition has the name of its disk, and its number. */
static void identify_device(int fd, struct state *state)
{
    static const char *const attributes[] = {
        "dm/uuid", "wwid", "device/wwid", "serial", "device/serial",
        "../wwid", "../device/wwid", "../serial", "../device/serial",
    };
    char path[128], text[STATE_TEXT_MAX - 16] = "", partition[12];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return;
    for (size_t i = 0; !*text && i < sizeof attributes / sizeof attributes[0]; i++) {
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s", major(st.st_rdev), minor(st.st_rdev),
            attributes[i]);
        read_line(path, text, sizeof text);
    }
    if (!*text)
        return;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(st.st_rdev),
        minor(st.st_rdev));
    read_line(path, partition, sizeof partition);
    snprintf(state->device, sizeof state->device, "%s%s%s", text, *partition ? ",partition " : "",
        partition);
    for (char *p = state->device; *p; p++) {
        if (*p < ' ' || *p > '~')
            *p = '?';
    }
}

void identity_image(const struct image *image, struct state *state)
{
    if (image->block_device)
        identify_device(image->fd, state);
    else
        identify_file(image->fd, state);
}

const char *identity_folder(void)
{
    return FOLDER;
}

void identity_make_folder(void)
{
    mkdir(FOLDER, 0755);
}
