/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Units whose device is called only on threads that its program lends. An interface of another kind
 * on top of spd.h needs them.
 */

#ifndef SPD_LIB_SERVE_H
#define SPD_LIB_SERVE_H

#include "scsi/scsi.h"
#include "spd/spd.h"

/* As spd_unit_create(), for a device with submit. It is called within spd_unit_serve(), and not
 * again on that thread before it has returned. The ranges of an unmap together are no longer than
 * max_transfer_length. Only the last flush is submitted elsewhere: within spd_unit_wait(), or
 * within a spd_unit_start() that fails. The unit has one door, and describes itself by the profile.
 * native is for that door alone (windows/native.h); NULL: nothing. */
int spd_unit_create_lent(const char *device_name, const spd_params *params,
    enum scsi_profile profile, const spd_device *device, void *native, spd_unit **unit);

/* Lends the calling thread, until the unit is shut down. Returns at once if it was shut down before
 * or was not started. Any number at a time. spd_unit_wait() ends after all have come back. */
void spd_unit_serve(spd_unit *unit);

#endif
