/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The command line of a device program. A table of options serves parsing, --help and the start
 * line; a program chooses groups of rows.
 */

#ifndef DEVICES_COMMON_OPTIONS_H
#define DEVICES_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    DEVICE_EXIT_USAGE = 87, /* ERROR_INVALID_PARAMETER, as the original exits */
    DEVICE_EXIT_FAILURE = 1,
    DEVICE_DOORS_MAX = 16,
    DEVICE_DISKS_MAX = 16,
    DEVICE_BLOCK_COUNT = 1048576, /* when neither -c, --size nor the image says */
    DEVICE_THREADS_MAX = 1024,
    DEVICE_STOP_TIMEOUT = 60, /* seconds */
    DEVICE_STOP_TIMEOUT_MAX = 86400,
};

/* Groups of options. */
enum {
    DEVICE_OPTIONS_DISK = 1u << 0,  /* what every disk has */
    DEVICE_OPTIONS_IMAGE = 1u << 1, /* it keeps its blocks in a file */
};

/* Constant properties of a program. */
struct device_program {
    const char *name;
    const char *summary; /* one line, for --help */
    const char *product_id;
    uint32_t groups;
};

/* The user's options. Texts point into argv. */
struct device_options {
    const struct device_program *program;
    const char *file; /* of this disk: options_disk() */
    const char *files[DEVICE_DISKS_MAX]; /* one for each disk */
    uint32_t file_count;
    uint64_t block_count; /* 0: not given */
    uint64_t block_length;
    uint64_t size; /* bytes; 0: not given */
    const char *product_id;
    const char *revision;
    uint8_t guid[16];
    char guid_text[37]; /* empty: not given */
    uint8_t wwn[16];
    char wwn_text[33]; /* empty: not given */
    bool write_allowed;
    bool cache;
    bool unmap;
    bool unmap_asked; /* -U was given */
    bool block_length_asked; /* -l was given */
    bool no_create;
    const char *format; /* "raw": serve it as it is, in any format; NULL: not given */
    const char *state;     /* the state file; NULL: at its default place */
    bool adopt, new_identity;
    bool mbr, no_mbr; /* neither: as is the custom of the system */
    bool stats;
    const char *user, *group;
    bool sandbox;
    uint32_t debug; /* 1 << spd_operation for each kind to log */
    const char *debug_log;
    uint64_t threads;
    uint64_t stop_timeout; /* seconds; 0: not given */
    uint64_t slow_call; /* milliseconds */
    bool slow_call_asked; /* else it is the library's */
    uint64_t grace; /* seconds */
    const char *doors[DEVICE_DOORS_MAX];
    uint32_t door_count;
};

/* Fills in the defaults and the values of argv. Returns -1 to go on; otherwise the exit status:
 * --help and --version were answered (0), or a message was printed (DEVICE_EXIT_USAGE). */
int options_parse(struct device_options *options, const struct device_program *program, int argc,
    char **argv);

/* How many disks the options ask for, and what they ask for disk `index`. */
uint32_t options_disks(const struct device_options *options);
struct device_options options_disk(const struct device_options *options, uint32_t index);

/* The options, of which guid_text must be known by now, as a command line that would make the same
 * disk again, without a line end. uris are the doors as they really are. */
void options_print(const struct device_options *options, FILE *out, const char *const *uris,
    uint32_t uri_count);

/* "NAME: message" on standard error. */
void device_error(const struct device_program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
