/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Ways to a disk. */

#ifndef SCSITOOL_TRANSPORT_H
#define SCSITOOL_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRANSPORT_SENSE_MAX = 252, /* SPC-4 4.5.1 */
    TRANSPORT_TIMEOUT = 10,    /* seconds for one command */
};

/* A command, with data-in or none. */
struct command {
    uint8_t bus, target, lun; /* an adapter's unit */
    uint8_t cdb[16];
    uint8_t cdb_length;
    uint8_t *data;
    size_t data_length;   /* room; then what came */
    uint8_t status;       /* SCSI status; anything but GOOD is no error of the transport */
    uint8_t sense[TRANSPORT_SENSE_MAX];
    size_t sense_length;
};

struct transport {
    const struct transport_ops *ops;
};

struct transport_ops {
    /* Does it know devices of this name? */
    bool (*knows)(const char *device);
    /* 0 or a winerror, already reported. */
    int (*open)(const char *device, struct transport **transport);
    int (*execute)(struct transport *transport, struct command *command);
    void (*close)(struct transport *transport);
};

extern const struct transport_ops transport_sg;
extern const struct transport_ops transport_iscsi;
extern const struct transport_ops transport_pipe;
extern const struct transport_ops transport_winspd;

/* The transports of this system: transports_posix.c, transports_windows.c. */
extern const struct transport_ops *const transports[];
extern const bool transports_address; /* a device may be an adapter, whose units have addresses */
extern const char transports_devices[]; /* what DEVICE may be, as "give ..." */
extern const char transports_help[];

/* Prints the path behind the name. 0 or a winerror, already reported. */
int transports_print_path(const char *device);

/* Prints "Error N: text" on stderr and returns error. */
int transport_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
