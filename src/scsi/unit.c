/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A logical unit's life: parameters, capacity, limits, names. */

#include "scsi/internal.h"
#include "scsi/sha256.h"

static bool is_power_of_two(uint64_t value)
{
    return value && !(value & (value - 1));
}

static bool is_printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

static bool capacity_ok(uint64_t block_count, uint32_t block_length)
{
    return block_count && block_count <= (UINT64_C(1) << 63) / block_length;
}

/* SPC-4 7.8.6.6: the NAA field says how long a designator is. */
static bool wwn_ok(const struct scsi_unit_params *params)
{
    static const uint8_t zero[16];
    static const uint8_t lengths[16] = { [0x2] = 8, [0x3] = 8, [0x5] = 8, [0x6] = 16 };
    uint8_t length = params->wwn_length;

    return length <= 16 && !memcmp(params->wwn + length, zero, 16 - length) &&
        (!length || length == lengths[params->wwn[0] >> 4]);
}

static bool unmap_ok(const struct scsi_unit_params *params)
{
    return params->max_unmap_ranges <= SCSI_UNMAP_RANGES_MAX &&
        (!params->max_unmap_blocks || params->max_unmap_blocks >= params->unmap_granularity) &&
        (params->unmap || !params->unmap_zeros);
}

enum scsi_param_error scsi_unit_check(const struct scsi_unit_params *params)
{
    static const uint8_t zero[16];
    uint32_t length = params->block_length;

    if (!is_power_of_two(length) || length < SCSI_BLOCK_LENGTH_MIN ||
        length > SCSI_BLOCK_LENGTH_MAX)
        return SCSI_PARAM_BLOCK_LENGTH;
    if (!capacity_ok(params->block_count, length))
        return SCSI_PARAM_BLOCK_COUNT;
    if (!is_power_of_two(params->physical_block_length) ||
        params->physical_block_length < length || params->physical_block_length / length > 1u << 15)
        return SCSI_PARAM_PHYSICAL_BLOCK_LENGTH;
    if (!params->max_transfer_length || params->max_transfer_length % length ||
        (params->max_command_length && params->max_command_length < length))
        return SCSI_PARAM_TRANSFER_LENGTH;
    if (!unmap_ok(params))
        return SCSI_PARAM_UNMAP;
    if (params->rotation_rate > 1 && (params->rotation_rate < SCSI_ROTATION_MIN ||
            params->rotation_rate > SCSI_ROTATION_MAX))
        return SCSI_PARAM_ROTATION;
    if ((params->vendor_id[0] && !is_printable(params->vendor_id, sizeof params->vendor_id)) ||
        !is_printable(params->product_id, sizeof params->product_id) ||
        !is_printable(params->product_revision, sizeof params->product_revision))
        return SCSI_PARAM_TEXT;
    if (!memcmp(params->guid, zero, sizeof zero))
        return SCSI_PARAM_GUID;
    if (!wwn_ok(params))
        return SCSI_PARAM_WWN;
    return SCSI_PARAM_OK;
}

/* NAA 3h, locally assigned (SPC-4 7.8.6.6.4): different GUIDs have different names, since a digest
 * takes in all of their bits. */
static void make_wwn(struct scsi_unit_params *params)
{
    uint8_t digest[SCSI_SHA256_LENGTH];

    scsi_sha256(params->guid, sizeof params->guid, digest);
    params->wwn_length = 8;
    params->wwn[0] = 0x30 | digest[0] >> 4;
    for (unsigned i = 1; i < 8; i++)
        params->wwn[i] = (uint8_t)(digest[i - 1] << 4 | digest[i] >> 4);
}

/* The original's unit takes as many ranges as its program has room for. */
static uint32_t default_unmap_ranges(const struct scsi_unit_params *params)
{
    uint32_t room = params->max_transfer_length / (uint32_t)sizeof(struct scsi_range);

    if (params->profile == SCSI_PROFILE_MODERN)
        return SCSI_UNMAP_RANGES_MAX;
    return room < SCSI_UNMAP_RANGES_LIMIT ? room : SCSI_UNMAP_RANGES_LIMIT;
}

void scsi_unit_init(struct scsi_unit *unit, const struct scsi_unit_params *params)
{
    uint8_t shift = 0;

    while (1u << shift < params->block_length)
        shift++;
    memset(unit, 0, sizeof *unit);
    unit->params = *params;
    if (!params->vendor_id[0])
        memcpy(unit->params.vendor_id, SCSI_VENDOR, sizeof unit->params.vendor_id);
    if (!params->rotation_rate)
        unit->params.rotation_rate = 1;
    if (!params->wwn_length)
        make_wwn(&unit->params);
    if (!params->max_unmap_ranges)
        unit->params.max_unmap_ranges = default_unmap_ranges(params);
    unit->params.unmap_zeros = params->unmap_zeros && params->profile == SCSI_PROFILE_MODERN;
    unit->block_shift = shift;
    unit->op_blocks = params->max_transfer_length >> shift;
    unit->command_blocks =
        params->max_command_length ? params->max_command_length >> shift : UINT32_MAX;
    atomic_init(&unit->block_count, params->block_count);
    atomic_init(&unit->mode, scsi_mode_default(params));
}

bool scsi_unit_resize(struct scsi_unit *unit, uint64_t block_count)
{
    if (!capacity_ok(block_count, unit->params.block_length))
        return false;
    atomic_store(&unit->block_count, block_count);
    scsi_unit_attention(unit, SCSI_UA_CAPACITY, NULL);
    return true;
}

/* Each half of COMPARE AND WRITE moves in one op, and the field has eight bits. */
uint32_t scsi_compare_blocks_max(const struct scsi_unit *unit)
{
    uint32_t blocks = scsi_scratch_blocks(unit);

    if (blocks > unit->command_blocks / 2)
        blocks = unit->command_blocks / 2;
    return blocks < 255 ? blocks : 255;
}

/* It is long enough for large fills, and short enough that a command cannot keep a server busy for
 * long. It is never more than a command can read back, which initiators take for granted. */
uint32_t scsi_write_same_blocks_max(const struct scsi_unit *unit)
{
    uint32_t blocks = (256u << 20) >> unit->block_shift;

    if (unit->params.unmap_zeros && blocks > scsi_unmap_blocks_max(unit))
        blocks = scsi_unmap_blocks_max(unit);
    return blocks < unit->command_blocks ? blocks : unit->command_blocks;
}

uint32_t scsi_unmap_blocks_max(const struct scsi_unit *unit)
{
    return unit->params.max_unmap_blocks ? unit->params.max_unmap_blocks : UINT32_MAX;
}

/* The device gets no more at once than a command could bring. A part of a range ends with a
 * granule, so that no granule is cut in two. */
uint32_t scsi_unmap_piece(const struct scsi_unit *unit, uint64_t lba, uint32_t blocks)
{
    uint32_t most = scsi_unmap_op_blocks(unit), granularity = unit->params.unmap_granularity;
    uint64_t past;

    if (blocks <= most)
        return blocks;
    past = granularity ? (lba + most) % granularity : 0;
    return past < most ? most - (uint32_t)past : most;
}

void scsi_guid_text(const uint8_t guid[16], char text[37])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[guid[i] >> 4];
        *text++ = digits[guid[i] & 0x0f];
    }
    *text = '\0';
}
