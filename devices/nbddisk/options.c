/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"

#include <stddef.h>

#define AT(member) .offset = offsetof(struct nbddisk_options, member)

static const spd_program_option rows[] = {
    { "uri", "URI", "the server and its export, as nbd://HOST/EXPORT (required)", AT(uri),
        .kind = SPD_PROGRAM_TEXT, .required = true, .letter = 'u' },
    { "connections", "N", "connections to a server that allows several (1)", .min = 1, .max = 16,
        AT(connections), .kind = SPD_PROGRAM_NUMBER },
    { "reconnect", "SECONDS", "how long commands wait for a server that is gone (60)",
        .max = 86400, AT(reconnect), .kind = SPD_PROGRAM_NUMBER },
    { "timeout", "SECONDS", "connect again if the server is silent for so long; 0: never (60)",
        .max = 86400, AT(timeout), .kind = SPD_PROGRAM_NUMBER },
    { "journal", "SIZE", "memory for writes that no flush has covered, 4M to 1G (64M)",
        AT(journal), .kind = SPD_PROGRAM_SIZE },
};

/* Connections are made again at any time, which the sandbox would refuse. */
static const char *const without[] = { "block-count", "size", "threads", "sandbox", NULL };

const spd_program nbddisk_program = {
    .name = "nbddisk",
    .summary = "Serves the export of an NBD server as a SCSI disk.",
    .product_id = "NbdDisk",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .without = without,
};
