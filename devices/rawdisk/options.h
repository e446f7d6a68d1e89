/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* rawdisk's own options, beside those that every program has. */

#ifndef DEVICES_RAWDISK_OPTIONS_H
#define DEVICES_RAWDISK_OPTIONS_H

#include <spd/program.h>

struct rawdisk_options {
    const char *file; /* the last one: spd_program_options.argument is that of a disk */
    const char *state;  /* the state file; NULL: at its default place */
    const char *format; /* "raw": serve it as it is, in any format; NULL: not given */
    bool adopt, new_identity;
    bool no_create;
    bool direct;
    bool mbr, no_mbr; /* neither: as is the custom of the system */
    uint64_t grace;   /* seconds */
};

extern const spd_program rawdisk_program;

/* Whether the options fit together; prints a message if not. */
bool rawdisk_options_check(const spd_program_options *options);

const struct rawdisk_options *rawdisk_options_of(const spd_program_options *options);

#endif
