/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A device with long sectors is served with its own block length, as a hard disk would be. But a
 * device that was partitioned through a server with blocks of 512 bytes counts in them, and no
 * initiator would find its partitions with any other length.
 */

#include "medium.h"

enum { SHORT = 512, MBR_ENTRY = 446, MBR_ENTRIES = 4, MBR_PROTECTIVE = 0xee };

/* UEFI 2.10 5.3.2: the header is in LBA 1, and says so. */
static bool has_gpt(const struct medium *medium, uint32_t length)
{
    uint8_t header[SHORT];
    uint64_t blocks = medium->size / length;

    return blocks > 2 && medium->read(medium->context, header, sizeof header, length) &&
        memcmp(header, "EFI PART", 8) == 0 && medium_le(header + 12, 4) >= 92 &&
        medium_le(header + 24, 8) == 1 &&
        medium_le(header + 40, 8) <= medium_le(header + 48, 8) &&
        medium_le(header + 48, 8) < blocks;
}

/* Does a file system, or what else begins a partition, begin here? */
static bool has_contents(const struct medium *medium, uint64_t offset)
{
    static const struct {
        uint32_t at;
        const char *bytes;
    } begins[] = {
        {510, "\x55\xaa"},     /* NTFS, FAT, an extended partition */
        {1080, "\x53\xef"},    /* ext2 to ext4 */
        {0, "XFSB"},
        {0, "LUKS\xba\xbe"},
        {512, "LABELONE"},     /* LVM */
        {4086, "SWAPSPACE2"},
        {65600, "_BHRfS_M"},   /* Btrfs */
    };

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (medium_has(medium, offset + begins[i].at, begins[i].bytes, strlen(begins[i].bytes)))
            return true;
    }
    return false;
}

/* *first, *end: what its partitions take, in blocks of whatever length it counts in. */
static bool has_mbr(const uint8_t *sector, uint64_t *first, uint64_t *end)
{
    *first = UINT64_MAX;
    *end = 0;
    for (int i = 0; i < MBR_ENTRIES; i++) {
        const uint8_t *entry = sector + MBR_ENTRY + 16 * i;
        uint64_t lba = medium_le(entry + 8, 4), blocks = medium_le(entry + 12, 4);

        if (entry[0] & 0x7f)
            return false;
        if (entry[4] == 0 || entry[4] == MBR_PROTECTIVE)
            continue;
        if (lba == 0 || blocks == 0)
            return false;
        if (lba < *first)
            *first = lba;
        if (lba + blocks > *end)
            *end = lba + blocks;
    }
    return *end != 0;
}

static bool mbr_counts_short(const struct medium *medium, const uint8_t *sector, uint32_t length)
{
    uint64_t first, end;

    if (!has_mbr(sector, &first, &end) || end > medium->size / SHORT)
        return false;
    if (end > medium->size / length)
        return true;
    /* It fits both: what lies in the partition decides. */
    return has_contents(medium, first * SHORT) || !has_contents(medium, first * length);
}

/* A FAT or NTFS file system without partitions has the sector's length in its first. */
static bool is_short_volume(const uint8_t *sector)
{
    return (sector[0] == 0xeb || sector[0] == 0xe9) && medium_le(sector + 11, 2) == SHORT;
}

uint32_t sectors_choose(const struct medium *medium, uint32_t sector)
{
    uint8_t first[SHORT];

    if (sector <= SHORT || medium->size < sector)
        return SHORT;
    if (has_gpt(medium, SHORT))
        return SHORT;
    if (has_gpt(medium, sector) || !medium->read(medium->context, first, sizeof first, 0) ||
        first[510] != 0x55 || first[511] != 0xaa)
        return sector;
    return is_short_volume(first) || mbr_counts_short(medium, first, sector) ? SHORT : sector;
}
