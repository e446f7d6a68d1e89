/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Units whose device is called on threads that its program lends, and on no others: what an
 * interface of another kind needs that stands on top of spd.h.
 */

#ifndef SPD_LIB_SERVE_H
#define SPD_LIB_SERVE_H

#include "scsi/scsi.h"
#include "spd/spd.h"

/* As spd_unit_create(), for a device with submit, which is called within spd_unit_serve() and not
 * again on that thread before it has returned; ranges of one unmap together are no longer than
 * max_transfer_length. Only the last flush is submitted elsewhere: within spd_unit_wait(), or
 * spd_unit_start() where that fails. The unit has one door, and describes itself as the profile
 * says. native is for that door alone, which knows what it is (windows/native.h); NULL: nothing. */
int spd_unit_create_lent(const char *device_name, const spd_params *params,
    enum scsi_profile profile, const spd_device *device, void *native, spd_unit **unit);

/* Lends the calling thread; it comes back when the unit is shut down, at once where it was before
 * or was not started. Any number at a time. spd_unit_wait() ends after all have come back. */
void spd_unit_serve(spd_unit *unit);

#endif
