/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A disk whose every read is a RECOVERED ERROR (SPC-4 4.5.6): the command has completed, its data
 * is there, and the sense says that it took retries.
 *
 *     recovering URI
 */

#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

enum { BLOCK = 512, BLOCKS = 16384 };

/* RECOVERED ERROR, RECOVERED DATA WITH RETRIES (SPC-4 annex D). */
enum { SENSE_KEY = 0x1, ASC = 0x17, ASCQ = 0x01 };

/* Each block is filled with its number, two bytes of it, so that none looks like another. */
static int read_blocks(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    unsigned char *at = buffer;

    (void)device;
    (void)flags;
    for (uint32_t i = 0; i < blocks; i++, lba++)
        for (unsigned byte = 0; byte < BLOCK; byte += 2) {
            *at++ = (unsigned char)lba;
            *at++ = (unsigned char)(lba >> 8);
        }
    spd_status_set(status, SENSE_KEY, ASC, ASCQ, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    static const spd_ops ops = { .size = sizeof ops, .read = read_blocks };
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit;

    params.block_count = BLOCKS;
    params.flags = SPD_WRITE_PROTECTED;
    if (argc != 2 || spd_unit_create(argv[1], &params, &(spd_device){ &ops, NULL }, &unit) ||
        spd_unit_shutdown_on_signal(unit) || spd_unit_start(unit, 0)) {
        fprintf(stderr, "recovering: %s\n", spd_error_detail());
        return 1;
    }
    printf("serving %s\n", spd_unit_door_uri(unit, 0));
    fflush(stdout);
    spd_unit_wait(unit);
    spd_unit_delete(unit);
    return 0;
}
