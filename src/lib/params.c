/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Checks the parameters and operations of programs, which may be of any age, and are not
 * trusted. */

#include <string.h>

#include "lib/unit.h"

enum {
    STRUCT_MAX = 4096, /* bytes that are read of a structure from a newer header */
    TRANSFER_MAX = 16 << 20,
    TRANSFER_DEFAULT = 1 << 20,
    PHYSICAL_DEFAULT = 4096,
    QUEUE_DEPTH_MAX = 4096,
    QUEUE_DEPTH_DEFAULT = 256,
    FLAGS_KNOWN = SPD_WRITE_PROTECTED | SPD_CACHE | SPD_UNMAP_SUPPORTED | SPD_NEVER_BLOCKS |
                  SPD_TRY_FIRST | SPD_EJECT_DISABLED | SPD_UNMAP_ZEROS | SPD_BIND_QUEUES |
                  SPD_DOOR_QUEUES,
    VERBS = 1 << SPD_WRITE_ZEROES | 1 << SPD_EXTENTS | 1 << SPD_PREFETCH, /* in spd_ops.submits */
};

#define VENDOR_DEFAULT "WinSpd"

/* A structure of a program built against another header. Older ones are shorter: missing members
 * keep the defaults in `to`. Newer ones are longer: unknown members must be zero, or the library
 * would ignore a wish of the program. */
static int import(void *to, size_t known, const void *from, size_t least, const char *name)
{
    const unsigned char *bytes = from;
    size_t size;

    memcpy(&size, from, sizeof size);
    if (size < least || size > STRUCT_MAX)
        return spd_fail(SPD_ERROR_SIZE, "%s has size %zu; it is %zu here", name, size, known);
    for (size_t i = known; i < size; i++) {
        if (bytes[i])
            return spd_fail(SPD_ERROR_SIZE,
                "%s has size %zu and uses what this library (size %zu) does not know", name, size,
                known);
    }
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &known, sizeof known);
    return 0;
}

int spd_export(void *to, const void *from, size_t known, const char *name)
{
    size_t size;

    memcpy(&size, to, sizeof size);
    if (size < sizeof size || size > STRUCT_MAX)
        return spd_fail(SPD_ERROR_SIZE, "%s has size %zu; it is %zu here", name, size, known);
    memset(to, 0, size);
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &size, sizeof size);
    return 0;
}

/* For all structures that begin with their size. */
static void init(
    const char *function, void *to, size_t size, const void *defaults, size_t known)
{
    if (size < sizeof size || size > STRUCT_MAX)
        spd_misuse(function, "size is %zu, and here it is %zu", size, known);
    memset(to, 0, size);
    memcpy(to, defaults, size < known ? size : known);
    memcpy(to, &size, sizeof size);
}

void spd_params_init(spd_params *params, size_t size)
{
    static const spd_params defaults = SPD_PARAMS_INIT;

    SPD_NEEDS(params);
    init(__func__, params, size, &defaults, sizeof defaults);
}

void spd_ops_init(spd_ops *ops, size_t size)
{
    static const spd_ops none;

    SPD_NEEDS(ops);
    init(__func__, ops, size, &none, sizeof none);
}

void spd_statistics_init(spd_statistics *statistics, size_t size)
{
    static const spd_statistics none;

    SPD_NEEDS(statistics);
    init(__func__, statistics, size, &none, sizeof none);
}

void spd_operation_statistics_init(spd_operation_statistics *statistics, size_t size)
{
    static const spd_operation_statistics none;

    SPD_NEEDS(statistics);
    init(__func__, statistics, size, &none, sizeof none);
}

static int check_text(const char *name, const char *text, size_t room)
{
    if (memchr(text, 0, room))
        return 0;
    return spd_fail(SPD_ERROR_TEXT, "the %s is longer than %zu characters", name, room - 1);
}

static void copy_padded(char *to, const char *text, size_t length)
{
    size_t used = strlen(text);

    memset(to, ' ', length);
    memcpy(to, text, used < length ? used : length);
}

static bool is_all_zero(const uint8_t *bytes, size_t length)
{
    while (length && !bytes[length - 1])
        length--;
    return !length;
}

static void fill_defaults(spd_params *params)
{
    if (is_all_zero(params->guid, sizeof params->guid)) {
        os_random(params->guid, sizeof params->guid);
        params->guid[6] = (params->guid[6] & 0x0f) | 0x40; /* RFC 4122 4.4 */
        params->guid[8] = (params->guid[8] & 0x3f) | 0x80;
    }
    if (!params->physical_block_length)
        params->physical_block_length = params->block_length > PHYSICAL_DEFAULT
                                            ? params->block_length
                                            : PHYSICAL_DEFAULT;
    if (!params->max_transfer_length)
        params->max_transfer_length = TRANSFER_DEFAULT;
    if (!params->queue_depth)
        params->queue_depth = QUEUE_DEPTH_DEFAULT;
    if (!params->rotation_rate)
        params->rotation_rate = 1;
    if (!*params->vendor_id)
        memcpy(params->vendor_id, VENDOR_DEFAULT, sizeof VENDOR_DEFAULT);
}

/* The library's checks beyond the engine's. The block length is good. */
static int check_own(const spd_params *params)
{
    if (params->flags & ~(uint32_t)FLAGS_KNOWN)
        return spd_fail(
            SPD_ERROR_FLAGS, "flags 0x%x; known are 0x%x", params->flags, (unsigned)FLAGS_KNOWN);
    if (params->flags & SPD_NEVER_BLOCKS && params->flags & SPD_TRY_FIRST)
        return spd_fail(SPD_ERROR_FLAGS, "SPD_NEVER_BLOCKS and SPD_TRY_FIRST exclude each other");
    if (params->max_transfer_length > TRANSFER_MAX)
        return spd_fail(SPD_ERROR_TRANSFER_LENGTH, "%u bytes", params->max_transfer_length);
    if (params->unmap_granularity % params->block_length)
        return spd_fail(SPD_ERROR_UNMAP,
            "the granularity of %u bytes is not a multiple of the block length of %u",
            params->unmap_granularity, params->block_length);
    if (params->queue_depth > QUEUE_DEPTH_MAX)
        return spd_fail(SPD_ERROR_QUEUE_DEPTH, "it is %u", params->queue_depth);
    if (params->grace > SPD_GRACE_MAX)
        return spd_fail(SPD_ERROR_GRACE, "%u seconds", params->grace);
    if (params->queues > SPD_QUEUES_MAX)
        return spd_fail(SPD_ERROR_QUEUES, "%u were asked for", params->queues);
    if (params->reserved || params->reserved_3 ||
        !is_all_zero(params->reserved_2, sizeof params->reserved_2))
        return spd_fail(SPD_ERROR_SIZE, "a reserved field of spd_params is not 0");
    return 0;
}

/* The engine's verdict as an error about the parameters. */
static int explain(enum scsi_param_error error, const spd_params *params)
{
    switch (error) {
    case SCSI_PARAM_OK:
        return 0;
    case SCSI_PARAM_BLOCK_COUNT:
        return spd_fail(SPD_ERROR_BLOCK_COUNT, "%llu blocks of %u bytes",
            (unsigned long long)params->block_count, params->block_length);
    case SCSI_PARAM_BLOCK_LENGTH:
        return spd_fail(SPD_ERROR_BLOCK_LENGTH, "it is %u", params->block_length);
    case SCSI_PARAM_PHYSICAL_BLOCK_LENGTH:
        return spd_fail(SPD_ERROR_PHYSICAL_BLOCK_LENGTH, "it is %u, with logical blocks of %u",
            params->physical_block_length, params->block_length);
    case SCSI_PARAM_TRANSFER_LENGTH:
        return spd_fail(SPD_ERROR_TRANSFER_LENGTH, "%u bytes, with blocks of %u",
            params->max_transfer_length, params->block_length);
    case SCSI_PARAM_UNMAP:
        if (params->flags & SPD_UNMAP_ZEROS && !(params->flags & SPD_UNMAP_SUPPORTED))
            return spd_fail(SPD_ERROR_UNMAP, "SPD_UNMAP_ZEROS needs SPD_UNMAP_SUPPORTED");
        return spd_fail(SPD_ERROR_UNMAP,
            "the maximum of %u blocks is less than the granularity of %u bytes",
            params->max_unmap_blocks, params->unmap_granularity);
    case SCSI_PARAM_TEXT:
        return spd_fail(SPD_ERROR_TEXT, "vendor id '%s', product id '%s', revision '%s'",
            params->vendor_id, params->product_id, params->product_revision);
    case SCSI_PARAM_ROTATION:
        return spd_fail(SPD_ERROR_ROTATION_RATE, "it is %u", params->rotation_rate);
    case SCSI_PARAM_GUID:
        return spd_fail(SPD_ERROR_TEXT, "the GUID is all zero");
    case SCSI_PARAM_WWN:
        return spd_fail(SPD_ERROR_WWN, "%u bytes, the first is %02x", params->wwn_length,
            params->wwn[0]);
    }
    return SPD_ERROR_NOT_SUPPORTED;
}

static void to_engine(const spd_params *params, struct scsi_unit_params *scsi)
{
    *scsi = (struct scsi_unit_params){
        .block_count = params->block_count,
        .block_length = params->block_length,
        .physical_block_length = params->physical_block_length,
        .max_transfer_length = params->max_transfer_length,
        .max_command_length = SPD_COMMAND_MAX,
        .unmap_granularity = params->block_length ? params->unmap_granularity / params->block_length
                                                  : 0,
        .max_unmap_blocks = params->max_unmap_blocks,
        .wwn_length = (uint8_t)(params->wwn_length < UINT8_MAX ? params->wwn_length : UINT8_MAX),
        .rotation_rate = (uint16_t)(params->rotation_rate < UINT16_MAX ? params->rotation_rate
                                                                       : UINT16_MAX),
        .write_protected = params->flags & SPD_WRITE_PROTECTED,
        .cache = params->flags & SPD_CACHE,
        .unmap = params->flags & SPD_UNMAP_SUPPORTED,
        .unmap_zeros = params->flags & SPD_UNMAP_ZEROS,
    };
    memcpy(scsi->guid, params->guid, sizeof scsi->guid);
    memcpy(scsi->wwn, params->wwn, sizeof scsi->wwn);
    copy_padded(scsi->vendor_id, params->vendor_id, sizeof scsi->vendor_id);
    copy_padded(scsi->product_id, params->product_id, sizeof scsi->product_id);
    copy_padded(scsi->product_revision, params->product_revision, sizeof scsi->product_revision);
}

int spd_params_import(const spd_params *from, spd_params *params, struct scsi_unit_params *scsi)
{
    spd_params read = SPD_PARAMS_INIT;
    struct scsi_unit_params engine;
    size_t least = offsetof(spd_params, physical_block_length);
    int error = import(&read, sizeof read, from, least, "spd_params");

    if (!error)
        error = check_text("product id", read.product_id, sizeof read.product_id);
    if (!error)
        error = check_text("vendor id", read.vendor_id, sizeof read.vendor_id);
    if (!error)
        error = check_text("product revision", read.product_revision, sizeof read.product_revision);
    if (error)
        return error;
    fill_defaults(&read);
    to_engine(&read, &engine);
    error = explain(scsi_unit_check(&engine), &read);
    if (!error)
        error = check_own(&read);
    if (error)
        return error;
    *params = read;
    *scsi = engine;
    return 0;
}

static int check_simple(const spd_ops *ops, const spd_params *params)
{
    if (ops->submits || ops->reserved)
        return spd_fail(SPD_ERROR_OPS, "submits is 0x%x; only submit may take more than reads, "
            "writes, flushes and unmaps, and reserved is 0", ops->submits);
    if (!ops->read)
        return spd_fail(SPD_ERROR_OPS, "read is missing");
    if (!ops->write && !(params->flags & SPD_WRITE_PROTECTED))
        return spd_fail(SPD_ERROR_OPS, "write is missing");
    if (!ops->unmap && params->flags & SPD_UNMAP_SUPPORTED)
        return spd_fail(SPD_ERROR_UNMAP, "SPD_UNMAP_SUPPORTED is set and unmap is missing");
    if (ops->queue_begin || ops->queue_end || ops->poll || ops->queue_size || ops->request_size)
        return spd_fail(SPD_ERROR_OPS, "queues and areas are for a device with submit");
    if (params->queues || params->flags & SPD_DOOR_QUEUES)
        return spd_fail(SPD_ERROR_QUEUES, "a device without submit has threads instead");
    return 0;
}

static int check_asynchronous(const spd_ops *ops)
{
    if (ops->read || ops->write || ops->flush || ops->unmap || ops->readv || ops->writev ||
        ops->write_zeroes || ops->extents || ops->prefetch)
        return spd_fail(SPD_ERROR_OPS, "submit excludes the other operations");
    if (ops->submits & ~(uint32_t)VERBS || ops->reserved)
        return spd_fail(SPD_ERROR_OPS, "submits is 0x%x; submit may take 0x%x, and reserved is 0",
            ops->submits, (unsigned)VERBS);
    if (ops->queue_size > SPD_AREA_MAX || ops->request_size > SPD_AREA_MAX)
        return spd_fail(SPD_ERROR_OPS, "an area of %u bytes; a queue's and a request's have at "
            "most %d", ops->queue_size > ops->request_size ? ops->queue_size : ops->request_size,
            SPD_AREA_MAX);
    return 0;
}

int spd_ops_import(const spd_ops *from, const spd_params *params, spd_ops *ops)
{
    spd_ops read = { 0 };
    size_t least = offsetof(spd_ops, read) + sizeof read.read;
    int error = import(&read, sizeof read, from, least, "spd_ops");

    if (error)
        return error;
    error = spd_is_asynchronous(&read) ? check_asynchronous(&read) : check_simple(&read, params);
    if (error)
        return error;
    if (read.write_zeroes)
        read.submits |= 1u << SPD_WRITE_ZEROES;
    if (read.extents)
        read.submits |= 1u << SPD_EXTENTS;
    if (read.prefetch)
        read.submits |= 1u << SPD_PREFETCH;
    *ops = read;
    return 0;
}
