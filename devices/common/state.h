/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The state file of a disk keeps facts that must survive the server, and cannot be in the image. It
 * is text, so that a user can read and mend it:
 *
 *     winspd-state 1
 *     guid=01234567-89ab-cdef-0123-456789abcdef
 *     machine=...
 *
 * Each line has one key. The version is raised with each change that an older program must not
 * ignore; it refuses such a file. Keys that it does not know, of a version that it knows, it keeps
 * as they are.
 */

#ifndef DEVICES_COMMON_STATE_H
#define DEVICES_COMMON_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATE_SIZE_MAX = 65536, /* bytes of a file */
    STATE_LINE_MAX = 1024,
    STATE_TEXT_MAX = 256, /* length of a value that is text, with its NUL */
    STATE_WHY_MAX = 256,
};

struct state {
    uint8_t guid[16];
    uint8_t machine[16]; /* derived from the machine's id; all zero: it has none */
    uint64_t inode;      /* the image's; 0: its file system has none that lasts */
    uint64_t birth;      /* when the image was made, ns since 1970; 0: not known */
    char device[STATE_TEXT_MAX]; /* the block device's own name for itself; empty: none */
    char other[STATE_SIZE_MAX];  /* lines of unknown keys */
};

/* text need not end with a NUL. On failure why names the line and what is wrong with it. */
bool state_parse(struct state *state, const char *text, size_t length, char why[STATE_WHY_MAX]);

/* Returns the length, without a NUL; text has room for STATE_SIZE_MAX. 0: it is too long. */
size_t state_format(const struct state *state, char *text);

/* The file system's side; all return 0 or an errno. Reading: ENOENT when there is none, EFBIG above
 * STATE_SIZE_MAX, EINVAL when it is no regular file. Writing replaces the file as a whole, or not
 * at all, also when the power fails meanwhile. */
int state_read(const char *path, char text[STATE_SIZE_MAX], size_t *length);
int state_write(const char *path, const char *text, size_t length);
int state_remove(const char *path);
/* A file that was made or renamed is durable only when its folder is. */
int state_sync_directory(const char *path);

/* For a start that fails after it has given up the right to open files. A descriptor of the file;
 * -1: none is needed, or there is none. */
int state_keep(const char *path);
/* Closes it. Restores the state before the last state_write(): this text, or (length 0) no file.
 * With the descriptor it writes in place. */
int state_put_back(int kept, const char *path, const char *text, size_t length);

#endif
