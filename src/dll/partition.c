/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "dll/dll.h"
#include "os/os.h"
#include "spd/spd.h"

DWORD SPD_CALL SpdDefinePartitionTable(
    SPD_PARTITION Partitions[], ULONG Count, UINT8 Buffer[512])
{
    spd_partition partitions[4] = { 0 };
    uint8_t guid[16];

    if (Count > 4)
        return ERROR_INVALID_PARAMETER;
    for (ULONG i = 0; i < Count; i++)
        partitions[i] = (spd_partition){
            .type = Partitions[i].Type,
            .active = Partitions[i].Active,
            .lba = Partitions[i].BlockAddress,
            .blocks = Partitions[i].BlockCount,
        };
    /* Two disks with one signature cannot be online together, and a new table is a new disk. */
    os_random(guid, sizeof guid);
    return spd_define_partition_table(partitions, Count, guid, Buffer) ? ERROR_INVALID_PARAMETER
                                                                       : 0;
}
