/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "dll/dll.h"
#include "os/os.h"
#include "spd/spd.h"

enum { TABLE_AT = 446, ENTRY = 16 };

DWORD SPD_CALL SpdDefinePartitionTable(
    SPD_PARTITION Partitions[], ULONG Count, UINT8 Buffer[512])
{
    spd_partition partitions[4] = { { .type = 1, .lba = 1, .blocks = 1 } };
    uint8_t guid[16];
    int error;

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
    error = spd_define_partition_table(partitions, Count ? Count : 1, guid, Buffer);
    if (error)
        return ERROR_INVALID_PARAMETER;
    /* The original makes tables without partitions; spd.h does not. */
    if (!Count)
        ZeroMemory(Buffer + TABLE_AT, ENTRY);
    return 0;
}
