/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The description of a unit that clients get. A client that connects again after a resize finds the
 * new size: the protocol has no message for it. */

#include "doors/nbd/door.h"

static uint16_t flags_of(const struct scsi_unit_params *params)
{
    /* All connections lead to one device, so a flush of one covers the writes of all. */
    uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
        NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE;

    if (params->write_protected)
        flags |= NBD_FLAG_READ_ONLY;
    else
        flags |= NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO |
            (params->unmap ? NBD_FLAG_SEND_TRIM : 0);
    return flags | (params->rotation_rate > 1 ? NBD_FLAG_ROTATIONAL : 0);
}

void nbd_export_describe(const struct nbd_door *door, struct nbd_export *export)
{
    const struct scsi_unit *unit = spd_unit_scsi(door->door.unit);
    const struct scsi_unit_params *params = &unit->params;
    uint32_t preferred = params->physical_block_length;

    *export = (struct nbd_export){
        .tls = door->tls,
        .name = door->export_name,
        .description = door->description,
        .size = atomic_load(&unit->block_count) << unit->block_shift,
        .block_min = params->block_length,
        .block_preferred = preferred < 4096 ? 4096 : preferred < NBD_PIECE ? preferred : NBD_PIECE,
        .block_max = SPD_COMMAND_MAX,
        .flags = flags_of(params),
    };
    if (export->block_preferred < export->block_min)
        export->block_preferred = export->block_min;
}
