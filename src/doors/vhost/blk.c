/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The block device of virtio (VIRTIO 1.2 5.2): requests to block operations, outcomes to statuses,
 * and its configuration. */

#include <endian.h>
#include <string.h>

#include "doors/vhost/door.h"
#include "doors/vhost/virtio.h"

enum { MAX_SECTORS = 4 << 20, OK = VIRTIO_BLK_S_OK, BAD = VIRTIO_BLK_S_IOERR };

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};
_Static_assert(sizeof(struct header) == VIRTIO_BLK_HEADER, "VIRTIO 1.2 5.2.6");

struct segment {
    uint64_t sector;
    uint32_t sectors, flags;
};
_Static_assert(sizeof(struct segment) == VIRTIO_BLK_SEGMENT, "VIRTIO 1.2 5.2.6");

static const struct scsi_unit *unit_of(const struct vhost_command *command)
{
    return spd_unit_scsi(command->request.unit);
}

/* Answers. */

/* data: bytes before the status. */
static void answer(struct vhost_command *command, uint8_t status, uint64_t data)
{
    if (command->chain.last)
        *command->chain.last = status;
    vhost_command_answer(command, command->chain.last ? (uint32_t)data + 1 : 0);
}

/* Requests. In sectors of 512 bytes, which may be less than a block. */

static bool to_blocks(
    const struct vhost_command *command, uint64_t sector, uint64_t sectors, uint64_t *lba)
{
    uint32_t shift = unit_of(command)->block_shift - VIRTIO_BLK_SECTOR_SHIFT;
    uint64_t rest = (UINT64_C(1) << shift) - 1;

    *lba = sector >> shift;
    return !(sector & rest) && !(sectors & rest) && sectors >> shift <= UINT32_MAX;
}

static bool move(struct vhost_command *command, const struct header *header, uint64_t length)
{
    uint32_t shift = unit_of(command)->block_shift;

    if (length % VIRTIO_BLK_SECTOR || length == 0 || command->chain.is_long ||
        !to_blocks(command, le64toh(header->sector), length / VIRTIO_BLK_SECTOR,
            &command->block.lba))
        return false;
    command->block.blocks = (uint32_t)(length >> shift);
    return true;
}

static uint8_t start_read(struct vhost_command *command, const struct header *header)
{
    command->block.operation = SCSI_BLOCK_READ;
    return move(command, header, command->chain.in_length) ? OK : BAD;
}

/* Without a flush, a guest takes a write that has ended for durable (VIRTIO 1.2 5.2.6.2). */
static uint8_t start_write(struct vhost_command *command, const struct header *header)
{
    const struct vhost_front *front = &command->queue->worker->of->front;

    command->block.operation = SCSI_BLOCK_WRITE;
    if (!vhost_has(front->features, VIRTIO_BLK_F_FLUSH))
        command->block.flags = SCSI_BLOCK_FUA;
    return move(command, header, command->chain.out_length) ? OK : BAD;
}

static uint8_t start_flush(struct vhost_command *command, const struct header *header)
{
    (void)header;
    command->block.operation = SCSI_BLOCK_FLUSH;
    return OK;
}

/* The next range that the guest wants to lose. */
static uint8_t take_segment(
    struct vhost_command *command, struct scsi_range *range, uint32_t *flags)
{
    struct segment segment;
    uint32_t shift = unit_of(command)->block_shift - VIRTIO_BLK_SECTOR_SHIFT;
    uint64_t lba;

    if (!vhost_chain_take(&command->chain, &segment, sizeof segment) ||
        !to_blocks(command, le64toh(segment.sector), le32toh(segment.sectors), &lba))
        return BAD;
    *flags = le32toh(segment.flags);
    *range = (struct scsi_range){ .lba = lba, .blocks = le32toh(segment.sectors) >> shift };
    return *flags & ~(uint32_t)VIRTIO_BLK_SEGMENT_F_UNMAP ? VIRTIO_BLK_S_UNSUPP : OK;
}

static uint8_t start_discard(struct vhost_command *command, const struct header *header)
{
    uint64_t count = command->chain.out_length / VIRTIO_BLK_SEGMENT;
    uint8_t status = OK;

    (void)header;
    if (count == 0 || count > VHOST_RANGES || command->chain.out_length % VIRTIO_BLK_SEGMENT)
        return BAD;
    command->block.operation = SCSI_BLOCK_UNMAP;
    command->block.range_count = (uint32_t)count;
    for (uint64_t i = 0; i < count && status == OK; i++) {
        uint32_t flags;

        status = take_segment(command, &command->ranges[i], &flags);
        if (status == OK && flags)
            status = VIRTIO_BLK_S_UNSUPP;
    }
    return status;
}

static uint8_t start_zeroes(struct vhost_command *command, const struct header *header)
{
    struct scsi_range range;
    uint32_t flags;
    uint8_t status;

    (void)header;
    if (command->chain.out_length != VIRTIO_BLK_SEGMENT)
        return BAD;
    status = take_segment(command, &range, &flags);
    if (status != OK || range.blocks == 0)
        return status == OK ? BAD : status;
    command->block.operation = SCSI_BLOCK_WRITE_ZEROES;
    command->block.flags = flags & VIRTIO_BLK_SEGMENT_F_UNMAP ? SCSI_BLOCK_MAY_UNMAP : 0;
    command->block.lba = range.lba;
    command->block.blocks = range.blocks;
    return OK;
}

/* The first half of the unit serial number, without its hyphens, fills the field. */
static void copy_id(struct vhost_command *command)
{
    const uint8_t *guid = unit_of(command)->params.guid;
    char text[VIRTIO_BLK_ID_LENGTH];
    const struct scsi_vec *pieces = vhost_chain_in(&command->chain);
    size_t done = 0;

    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = "0123456789abcdef"[guid[i / 2] >> (i % 2 ? 0 : 4) & 0xf];
    for (uint32_t i = 0; i < command->chain.in_count && done < sizeof text; i++) {
        size_t part = sizeof text - done < pieces[i].length ? sizeof text - done :
                                                              pieces[i].length;

        memcpy(pieces[i].base, text + done, part);
        done += part;
    }
    answer(command, OK, done);
}

/* Fills in the block operation. A status other than OK is the answer. */
static uint8_t (*const starters[VIRTIO_BLK_TYPES])(
    struct vhost_command *command, const struct header *header) = {
    [VIRTIO_BLK_T_IN] = start_read,
    [VIRTIO_BLK_T_OUT] = start_write,
    [VIRTIO_BLK_T_FLUSH] = start_flush,
    [VIRTIO_BLK_T_DISCARD] = start_discard,
    [VIRTIO_BLK_T_WRITE_ZEROES] = start_zeroes,
};

static void start(struct vhost_command *command)
{
    struct vhost_chain *chain = &command->chain;
    struct header header;
    uint32_t type;
    uint8_t status;

    if (!chain->last || !vhost_chain_take(chain, &header, sizeof header)) {
        answer(command, BAD, 0);
        return;
    }
    if (!chain->is_long)
        vhost_chain_cut(chain, 1); /* the status */
    type = le32toh(header.type);
    if (type == VIRTIO_BLK_T_GET_ID) {
        copy_id(command);
        return;
    }
    if (type >= VIRTIO_BLK_TYPES || !starters[type]) {
        answer(command, VIRTIO_BLK_S_UNSUPP, 0);
        return;
    }
    command->type = (uint8_t)type;
    command->block = (struct scsi_block){ 0 };
    status = starters[type](command, &header);
    if (status == OK)
        vhost_command_run(command);
    else
        answer(command, status, 0);
}

static void done(struct vhost_command *command)
{
    const struct scsi_outcome *outcome = &command->request.task.outcome;
    bool is_read = command->type == VIRTIO_BLK_T_IN;
    uint8_t status = OK;

    if (!scsi_outcome_completed(outcome))
        status = outcome->sense_key == 0x05 && outcome->asc == 0x20 &&
                outcome->status == SCSI_CHECK_CONDITION ?
            VIRTIO_BLK_S_UNSUPP : BAD;
    answer(command, status, is_read && status == OK ? command->chain.in_length : 0);
}

/* Features and configuration. */

static uint64_t features(const struct vhost_door *door)
{
    const struct scsi_unit_params *params = &spd_unit_scsi(vhost_unit(door))->params;
    uint64_t bits = UINT64_C(1) << VIRTIO_BLK_F_SIZE_MAX | UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX |
        UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE | UINT64_C(1) << VIRTIO_BLK_F_TOPOLOGY |
        UINT64_C(1) << VIRTIO_BLK_F_MQ | UINT64_C(1) << VIRTIO_BLK_F_WRITE_ZEROES;

    return bits | (uint64_t)params->write_protected << VIRTIO_BLK_F_RO |
        (uint64_t)params->cache << VIRTIO_BLK_F_FLUSH |
        (uint64_t)params->unmap << VIRTIO_BLK_F_DISCARD;
}

static void put16(uint8_t *at, uint32_t value)
{
    uint16_t little = htole16((uint16_t)value);

    memcpy(at, &little, sizeof little);
}

static void put32(uint8_t *at, uint32_t value)
{
    uint32_t little = htole32(value);

    memcpy(at, &little, sizeof little);
}

static void put64(uint8_t *at, uint64_t value)
{
    uint64_t little = htole64(value);

    memcpy(at, &little, sizeof little);
}

static uint32_t exponent_of(const struct scsi_unit_params *params)
{
    uint32_t exponent = 0;

    while (params->block_length << exponent < params->physical_block_length)
        exponent++;
    return exponent;
}

static void configure(const struct vhost_door *door, uint8_t config[VHOST_CONFIG_MAX])
{
    struct scsi_unit *unit = spd_unit_scsi(vhost_unit(door));
    const struct scsi_unit_params *params = &unit->params;
    uint32_t sectors = params->block_length / VIRTIO_BLK_SECTOR;
    uint32_t granule = params->unmap_granularity ? params->unmap_granularity : 1;

    put64(config + VIRTIO_BLK_CAPACITY, atomic_load(&unit->block_count) * sectors);
    put32(config + VIRTIO_BLK_SIZE_MAX, VHOST_SEGMENT_BYTES);
    put32(config + VIRTIO_BLK_SEG_MAX, VHOST_SEGMENTS);
    put32(config + VIRTIO_BLK_BLK_SIZE, params->block_length);
    config[VIRTIO_BLK_PHYSICAL_BLOCK_EXP] = (uint8_t)exponent_of(params);
    put16(config + VIRTIO_BLK_MIN_IO_SIZE, 1);
    config[VIRTIO_BLK_WRITEBACK] = params->cache;
    put16(config + VIRTIO_BLK_NUM_QUEUES, door->queue_count);
    put32(config + VIRTIO_BLK_MAX_WRITE_ZEROES_SECTORS, MAX_SECTORS);
    put32(config + VIRTIO_BLK_MAX_WRITE_ZEROES_SEG, 1);
    config[VIRTIO_BLK_WRITE_ZEROES_MAY_UNMAP] = params->unmap;
    if (!params->unmap)
        return;
    put32(config + VIRTIO_BLK_MAX_DISCARD_SECTORS, MAX_SECTORS);
    put32(config + VIRTIO_BLK_MAX_DISCARD_SEG, VHOST_RANGES);
    put32(config + VIRTIO_BLK_DISCARD_SECTOR_ALIGNMENT, granule * sectors);
}

const struct vhost_device_ops vhost_blk_ops = {
    .features = features,
    .configure = configure,
    .start = start,
    .done = done,
};
