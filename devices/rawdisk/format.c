/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The known image formats, each with conditions for its header. */

#include "medium.h"

enum { HEADER = 4096, SECTOR = 512 };

static bool is_power_of_two(uint64_t value, uint64_t least, uint64_t most)
{
    return value >= least && value <= most && (value & (value - 1)) == 0;
}

/* A table at this offset, after the shortest of these headers. */
static bool lies_within(const struct medium *medium, uint64_t offset)
{
    return offset >= 48 && offset < medium->size;
}

/* A raw image has the size of its disk. */
static bool is_another_size(const struct medium *medium, uint64_t size)
{
    return size != 0 && size != medium->size;
}

static bool qcow_fits(const struct medium *medium, const uint8_t *header)
{
    return medium_be(header + 4, 4) == 1 && is_another_size(medium, medium_be(header + 24, 8)) &&
        header[32] >= 9 && header[32] <= 16 && header[33] >= 6 && header[33] <= 13 &&
        lies_within(medium, medium_be(header + 40, 8));
}

static bool qcow2_fits(const struct medium *medium, const uint8_t *header)
{
    uint64_t version = medium_be(header + 4, 4), bits = medium_be(header + 20, 4);
    uint64_t length = medium_be(header + 100, 4);
    uint64_t l1 = medium_be(header + 40, 8), refcounts = medium_be(header + 48, 8);

    if (bits < 9 || bits > 21 || version < 2 || version > 3)
        return false;
    if (version == 3 && (length < 104 || length > UINT64_C(1) << bits || length % 8))
        return false;
    return is_another_size(medium, medium_be(header + 24, 8)) && lies_within(medium, l1) &&
        lies_within(medium, refcounts) && (l1 | refcounts) % (UINT64_C(1) << bits) == 0;
}

static bool qed_fits(const struct medium *medium, const uint8_t *header)
{
    uint64_t cluster = medium_le(header + 4, 4), l1 = medium_le(header + 40, 8);

    return is_power_of_two(cluster, 4096, 64 << 20) &&
        is_power_of_two(medium_le(header + 8, 4), 1, 16) && lies_within(medium, l1) &&
        l1 % cluster == 0 && is_another_size(medium, medium_le(header + 48, 8));
}

enum { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

/* The footer, which a dynamic image has at its beginning as well. */
static bool vhd_fits(const struct medium *medium, const uint8_t *footer)
{
    uint64_t kind = medium_be(footer + 60, 4), size = medium_be(footer + 48, 8);
    uint32_t sum = 0;

    for (int i = 0; i < SECTOR; i++)
        sum += i >= 64 && i < 68 ? 0 : footer[i];
    if (medium_be(footer + 12, 4) != 0x10000 || medium_be(footer + 64, 4) != (uint32_t)~sum)
        return false;
    if (kind == VHD_FIXED)
        return size == medium->size - SECTOR;
    return (kind == VHD_DYNAMIC || kind == VHD_DIFFERENCING) && is_another_size(medium, size) &&
        medium_has(medium, medium_be(footer + 16, 8), "cxsparse", 8);
}

static bool vhdx_fits(const struct medium *medium, const uint8_t *header)
{
    (void)header;
    /* Two headers and two region tables: a torn write may have destroyed one of each pair. */
    return (medium_has(medium, 64 << 10, "head", 4) || medium_has(medium, 128 << 10, "head", 4)) &&
        (medium_has(medium, 192 << 10, "regi", 4) || medium_has(medium, 256 << 10, "regi", 4));
}

static bool vmdk_fits(const struct medium *medium, const uint8_t *header)
{
    uint64_t version = medium_le(header + 4, 4);

    return version >= 1 && version <= 3 && memcmp(header + 73, "\n \r\n", 4) == 0 &&
        is_power_of_two(medium_le(header + 20, 8), 8, 1 << 20) &&
        medium_le(header + 28, 8) < medium->size / SECTOR &&
        is_another_size(medium, medium_le(header + 12, 8) * SECTOR);
}

static bool vmdk_text_fits(const struct medium *medium, const uint8_t *header)
{
    (void)medium;
    return strstr((const char *)header, "createType=");
}

static bool vdi_fits(const struct medium *medium, const uint8_t *header)
{
    uint64_t kind = medium_le(header + 76, 4);

    return medium_le(header + 68, 4) == 0x10001 && medium_le(header + 72, 4) >= 0x180 &&
        kind >= 1 && kind <= 4 && lies_within(medium, medium_le(header + 340, 4)) &&
        medium_le(header + 344, 4) >= medium_le(header + 340, 4) &&
        medium_le(header + 344, 4) <= medium->size &&
        is_another_size(medium, medium_le(header + 368, 8));
}

static bool parallels_fits(const struct medium *medium, const uint8_t *header)
{
    uint64_t entries = medium_le(header + 32, 4);

    return medium_le(header + 16, 4) == 2 && medium_le(header + 28, 4) != 0 &&
        64 + entries * 4 <= medium->size &&
        is_another_size(medium, medium_le(header + 36, 8) * SECTOR);
}

static const struct format {
    const char *name;
    const char *magic;
    size_t magic_length;
    size_t at;
    bool footer; /* in the last 512 bytes */
    bool (*fits)(const struct medium *medium, const uint8_t *header);
} formats[] = {
    {"qcow", "QFI\xfb\0\0\0\1", 8, 0, false, qcow_fits},
    {"qcow2", "QFI\xfb", 4, 0, false, qcow2_fits},
    {"QED", "QED", 4, 0, false, qed_fits},
    {"VHD", "conectix", 8, 0, false, vhd_fits},
    {"VHD", "conectix", 8, 0, true, vhd_fits},
    {"VHDX", "vhdxfile", 8, 0, false, vhdx_fits},
    {"VMDK", "KDMV", 4, 0, false, vmdk_fits},
    {"VMDK", "# Disk DescriptorFile", 21, 0, false, vmdk_text_fits},
    {"VDI", "\x7f\x10\xda\xbe", 4, 64, false, vdi_fits},
    {"Parallels", "WithoutFreeSpace", 16, 0, false, parallels_fits},
    {"Parallels", "WithouFreSpacExt", 16, 0, false, parallels_fits},
};

/* Bytes of a header beyond the medium's end count as zeros. */
static bool read_header(const struct medium *medium, bool footer, uint8_t header[HEADER + 1])
{
    uint64_t offset = footer && medium->size >= SECTOR ? medium->size - SECTOR : 0;
    size_t length = medium->size - offset < HEADER ? (size_t)(medium->size - offset) : HEADER;

    memset(header, 0, HEADER + 1); /* a NUL ends what is text */
    return medium->read(medium->context, header, length, offset);
}

enum format_verdict format_judge(const struct medium *medium, const char **name)
{
    enum format_verdict verdict = FORMAT_NONE;
    uint8_t header[HEADER + 1];

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct format *format = &formats[i];

        if (!read_header(medium, format->footer, header) ||
            memcmp(header + format->at, format->magic, format->magic_length) != 0)
            continue;
        if (format->fits(medium, header)) {
            *name = format->name;
            return FORMAT_FITS;
        }
        if (verdict == FORMAT_NONE)
            *name = format->name;
        verdict = FORMAT_MAGIC;
    }
    return verdict;
}
