/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"

#include <stddef.h>
#include <string.h>

#include <spd/spd.h>

#define AT(member) .offset = offsetof(struct rawdisk_options, member)

static const spd_program_option rows[] = {
    { "file", "FILE", "the image: a file, made if missing, or a block device (required)", AT(file),
        .kind = SPD_PROGRAM_IMAGE, .required = true, .letter = 'f' },
    { "state", "FILE", "where the disk's identity is kept (FILE.spdstate, beside the image)",
        AT(state), .kind = SPD_PROGRAM_TEXT, .one_disk = true },
    { "adopt", NULL, "the state file's identity is that of this image, on this machine", AT(adopt),
        .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "new-identity", NULL, "the image is a copy: give it an identity of its own",
        AT(new_identity), .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "no-create", NULL, "refuse an image that is missing or empty, instead of making it",
        AT(no_create), .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "direct", NULL, "move data past the system's cache (O_DIRECT)", AT(direct),
        .kind = SPD_PROGRAM_FLAG },
    { "format", "raw", "serve an image of another format as it is, with its tables", AT(format),
        .kind = SPD_PROGRAM_TEXT },
    { "mbr", NULL,
        "give a new image a partition table with one partition (on Windows: as if given)", AT(mbr),
        .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "no-mbr", NULL, "leave a new image empty (elsewhere: as if given)", AT(no_mbr),
        .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "grace", "SECONDS", "Windows: the driver keeps the disk for a restart after a crash (0)",
        .max = SPD_GRACE_MAX, AT(grace), .kind = SPD_PROGRAM_NUMBER },
};

const spd_program rawdisk_program = {
    .name = "rawdisk",
    .summary = "Serves a raw disk image, a file or block device, as a SCSI disk.",
    .product_id = "RawDisk",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .disk_option = "file",
};

const struct rawdisk_options *rawdisk_options_of(const spd_program_options *options)
{
    return options->own;
}

bool rawdisk_options_check(const spd_program_options *options)
{
    const struct rawdisk_options *own = options->own;

    if (own->mbr && own->no_mbr) {
        spd_program_error(
            options->program, "--mbr and --no-mbr exclude each other: give one");
        return false;
    }
    if (own->format && strcmp(own->format, "raw") != 0) {
        spd_program_error(options->program, "--format '%s' must be raw: convert other images, for "
            "example with qemu-img convert -O raw", own->format);
        return false;
    }
    if ((options->guid_text[0] != '\0') + own->adopt + own->new_identity > 1) {
        spd_program_error(
            options->program, "--guid, --adopt and --new-identity exclude each other: give one");
        return false;
    }
    return true;
}
