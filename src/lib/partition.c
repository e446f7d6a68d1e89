/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The classic master boot record (UEFI 5.2.1). */

#include <string.h>

#include "lib/door.h"
#include "lib/misuse.h"
#include "scsi/be.h"
#include "scsi/sha256.h"

enum {
    SECTORS = 63, /* a track */
    HEADS = 255,
    CYLINDERS = 1024,
    PARTITIONS = 4,
    SIGNATURE_AT = 440,
    TABLE_AT = 446,
    ENTRY = 16,
};

static void put_le32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_chs(uint8_t at[3], uint64_t lba)
{
    uint64_t cylinder = lba / (SECTORS * HEADS);
    uint64_t head = lba / SECTORS % HEADS;
    uint64_t sector = lba % SECTORS + 1;

    if (cylinder >= CYLINDERS) {
        cylinder = CYLINDERS - 1;
        head = HEADS - 1;
        sector = SECTORS;
    }
    at[0] = (uint8_t)head;
    at[1] = (uint8_t)(sector | (cylinder >> 8) << 6);
    at[2] = (uint8_t)cylinder;
}

static int check(const spd_partition *partitions, uint32_t count)
{
    if (count < 1 || count > PARTITIONS)
        return spd_fail(SPD_ERROR_PARTITION, "there are %u partitions", count);
    for (uint32_t i = 0; i < count; i++) {
        const spd_partition *at = &partitions[i];

        if (!at->type || (at->active != 0 && at->active != 0x80))
            return spd_fail(SPD_ERROR_PARTITION,
                "partition %u has type %u and active %u; the type "
                "is not 0, active is 0 or 128",
                i + 1, at->type, at->active);
        if (!at->lba || !at->blocks || at->lba > UINT32_MAX ||
            at->blocks > (UINT64_C(1) << 32) - at->lba)
            return spd_fail(SPD_ERROR_PARTITION, "partition %u has %llu blocks from block %llu",
                i + 1, (unsigned long long)at->blocks, (unsigned long long)at->lba);
        for (uint32_t j = 0; j < i; j++) {
            if (at->lba < partitions[j].lba + partitions[j].blocks &&
                partitions[j].lba < at->lba + at->blocks)
                return spd_fail(SPD_ERROR_PARTITION, "partitions %u and %u overlap", j + 1, i + 1);
        }
    }
    return 0;
}

/* The signature comes from a digest, so disks with different GUIDs have different signatures:
 * Windows takes a disk offline if another has its signature. Systems replace a zero signature by
 * their own, and so change the disk on sight. */
static uint32_t disk_signature(const uint8_t guid[16])
{
    uint8_t digest[SCSI_SHA256_LENGTH];
    uint32_t signature;

    scsi_sha256(guid, 16, digest);
    signature = be32_get(digest);
    return signature ? signature : 1;
}

int spd_define_partition_table(
    const spd_partition *partitions, uint32_t count, const uint8_t guid[16], uint8_t buffer[512])
{
    /* int 18h (no boot), hlt, and back to it */
    static const uint8_t boot_code[] = { 0xcd, 0x18, 0xf4, 0xeb, 0xfd };
    int error;

    SPD_NEEDS(partitions);
    SPD_NEEDS(guid);
    SPD_NEEDS(buffer);
    error = check(partitions, count);
    if (error)
        return error;
    memset(buffer, 0, 512);
    memcpy(buffer, boot_code, sizeof boot_code);
    put_le32(buffer + SIGNATURE_AT, disk_signature(guid));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *entry = buffer + TABLE_AT + i * ENTRY;

        entry[0] = partitions[i].active;
        put_chs(entry + 1, partitions[i].lba);
        entry[4] = partitions[i].type;
        put_chs(entry + 5, partitions[i].lba + partitions[i].blocks - 1);
        put_le32(entry + 8, (uint32_t)partitions[i].lba);
        put_le32(entry + 12, (uint32_t)partitions[i].blocks);
    }
    buffer[510] = 0x55;
    buffer[511] = 0xaa;
    return 0;
}
