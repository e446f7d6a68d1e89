/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The commands of /dev/ublk-control. A call waits for the end of its command, for which the kernel
 * may need the requests of the device: so no thread of a queue calls.
 */

#ifndef DOORS_UBLK_CONTROL_H
#define DOORS_UBLK_CONTROL_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "doors/ublk/protocol.h"

struct ublk_control {
    struct io_uring ring;
    int fd;
    uint64_t features; /* UBLK_F_*: those of the kernel */
    bool unprivileged; /* its devices belong to users that are not root */
    bool has_ring;
};

/* 0 or a spd_error with a detail that says what is missing and how to get it. control->fd is -1 or
 * open afterwards, as ublk_control_close() takes it. */
int ublk_control_open(struct ublk_control *control);
void ublk_control_close(struct ublk_control *control);

/* The results are 0 or a positive errno. */
int ublk_control_add(struct ublk_control *control, struct ublk_info *info);
int ublk_control_get_info(struct ublk_control *control, uint32_t number, struct ublk_info *info);
int ublk_control_set_params(struct ublk_control *control, uint32_t number,
    struct ublk_params *params);
int ublk_control_get_params(struct ublk_control *control, uint32_t number,
    struct ublk_params *params);

/* A command with a word of data and no buffer, such as UBLK_STOP_DEV. */
int ublk_control_do(struct ublk_control *control, uint32_t command, uint32_t number,
    uint64_t data);

/* Deletes a device that has stopped. Its number is free at once, or after its last mount. */
int ublk_control_delete(struct ublk_control *control, uint32_t number);

/* The kernel has refused: a detail that names the block device. Returns SPD_ERROR_ACCESS or
 * SPD_ERROR_SYSTEM. */
int ublk_control_fail(uint32_t number, const char *what, int error);

#endif
