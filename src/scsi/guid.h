/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The two byte orders of a GUID. RFC 4122 4.1.2 has every field big-endian, in its printed order;
 * the engine and spd.h keep that order. Windows' GUID has its first three fields in the machine's
 * order. Its order is little-endian wherever Windows runs, and in winspd/ioctl.h's structures on
 * any wire.
 */

#ifndef SCSI_GUID_H
#define SCSI_GUID_H

#include <stdint.h>

/* From either order to the other; both are 16 bytes, and do not overlap. */
static inline void scsi_guid_swap(const void *from, void *to)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < sizeof order; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[order[i]];
}

#endif
