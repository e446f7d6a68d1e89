/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* rawdisk: a file or block device served as a disk. */

#include "claim.h"
#include "identity.h"
#include "image.h"
#include "medium.h"
#include "options.h"
#include "watch.h"
#include "../common/extents.h"
#include "../common/size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct rawdisk {
    const spd_program_options *options;
    struct image image;
    struct identity identity;
    struct claim claim;
    struct watch *watch;
    bool made; /* all that a start makes: the image has its name, and shall keep it */
    uint32_t block_length;
    spd_ops ops; /* those that its image has */
};

static unsigned image_flags(uint32_t flags)
{
    return (flags & SPD_NOWAIT ? IMAGE_NOWAIT : 0) | (flags & SPD_FUA ? IMAGE_DURABLE : 0);
}

/* How an image operation ended, in the disk's terms. */
static int finish(const struct rawdisk *disk, int error, spd_operation operation, uint64_t failed,
    uint32_t flags, spd_status *status)
{
    if (error == EAGAIN && flags & SPD_NOWAIT)
        return SPD_ERROR_WOULD_BLOCK;
    if (error)
        spd_status_set_errno(status, error, operation, failed / disk->block_length);
    return 0;
}

static int rawdisk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    uint64_t failed = 0;
    int error = image_read(&disk->image, buffer, (size_t)blocks * disk->block_length,
        lba * disk->block_length, image_flags(flags), &failed);

    return finish(disk, error, SPD_READ, failed, flags, status);
}

static int rawdisk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    uint64_t failed = 0;
    int error = image_write(&disk->image, buffer, (size_t)blocks * disk->block_length,
        lba * disk->block_length, image_flags(flags), &failed);

    return finish(disk, error, SPD_WRITE, failed, flags, status);
}

static int rawdisk_readv(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    uint64_t failed = 0;
    int error = image_readv(&disk->image, vec, count, (size_t)blocks * disk->block_length,
        lba * disk->block_length, image_flags(flags), &failed);

    return finish(disk, error, SPD_READ, failed, flags, status);
}

static int rawdisk_writev(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    uint64_t failed = 0;
    int error = image_writev(&disk->image, vec, count, (size_t)blocks * disk->block_length,
        lba * disk->block_length, image_flags(flags), &failed);

    return finish(disk, error, SPD_WRITE, failed, flags, status);
}

static int rawdisk_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;

    (void)blocks; /* the system flushes whole files only */
    if (flags & SPD_NOWAIT && !disk->image.memory)
        return SPD_ERROR_WOULD_BLOCK;
    return finish(disk, image_flush(&disk->image), SPD_FLUSH, lba * disk->block_length, flags,
        status);
}

static int rawdisk_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    uint64_t failed = 0;
    int error = 0;

    if (flags & SPD_NOWAIT && !disk->image.memory)
        return SPD_ERROR_WOULD_BLOCK;
    for (uint32_t i = 0; i < count && !error; i++)
        error = image_unmap(&disk->image, (uint64_t)ranges[i].blocks * disk->block_length,
            ranges[i].lba * disk->block_length, &failed);
    return finish(disk, error, SPD_UNMAP, failed, flags, status);
}

static int rawdisk_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct rawdisk *disk = device->context;
    unsigned how = image_flags(flags) | (flags & SPD_MAY_UNMAP ? 0 : IMAGE_KEEP) |
        (flags & SPD_FAST_ONLY ? IMAGE_FAST : 0);
    uint64_t failed = 0;
    int error;

    if (flags & SPD_NOWAIT && !disk->image.memory)
        return SPD_ERROR_WOULD_BLOCK;
    error = image_zero(&disk->image, (uint64_t)blocks * disk->block_length,
        lba * disk->block_length, how, &failed);
    if (error != EOPNOTSUPP)
        return finish(disk, error, SPD_WRITE_ZEROES, failed, flags, status);
    spd_status_set(
        status, SPD_SENSE_ILLEGAL_REQUEST, SPD_ASC_INVALID_COMMAND_OPERATION_CODE, NULL);
    return 0;
}

static int run_of(const void *image, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole)
{
    (void)limit;
    return image_run(image, offset, end, hole);
}

static int rawdisk_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    const struct rawdisk *disk = device->context;
    const struct extents_source source = { run_of, &disk->image, disk->block_length };

    (void)status;
    if (flags & SPD_NOWAIT && !disk->image.memory)
        return SPD_ERROR_WOULD_BLOCK;
    extents_describe(&source, lba, blocks, extents);
    return 0;
}

static int rawdisk_prefetch(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    const struct rawdisk *disk = device->context;

    (void)status; /* only a hint */
    if (flags & SPD_NOWAIT)
        return SPD_ERROR_WOULD_BLOCK;
    image_prefetch(&disk->image, (uint64_t)blocks * disk->block_length, lba * disk->block_length);
    return 0;
}

static const spd_ops rawdisk_ops = {
    .size = sizeof rawdisk_ops,
    .read = rawdisk_read,
    .write = rawdisk_write,
    .flush = rawdisk_flush,
    .unmap = rawdisk_unmap,
    .readv = rawdisk_readv,
    .writev = rawdisk_writev,
    .write_zeroes = rawdisk_write_zeroes,
    .extents = rawdisk_extents,
    .prefetch = rawdisk_prefetch,
};

/* The original's: one NTFS-type partition, aligned to 4096 bytes, to the end of the disk or of what
 * a partition table of this kind can describe. */
static int write_partition_table(struct rawdisk *disk, const spd_program_options *options,
    const spd_params *params)
{
    uint64_t end = params->block_count < UINT32_MAX ? params->block_count : UINT32_MAX;
    spd_partition partition = {
        .type = 7,
        .lba = params->block_length < 4096 ? 4096 / params->block_length : 1,
    };
    uint8_t table[512];
    uint64_t failed;
    int error;

    partition.blocks = end > partition.lba ? end - partition.lba : 0;
    error = spd_define_partition_table(&partition, 1, params->guid, table);
    if (error && !rawdisk_options_of(options)->mbr)
        return 0; /* nobody asked for it */
    if (error) {
        spd_program_error(options->program, "--mbr: a disk of %" PRIu64 " blocks has no room for a "
            "partition from block %" PRIu64, params->block_count, partition.lba);
        return SPD_PROGRAM_EXIT_USAGE;
    }
    error = image_write(&disk->image, table, sizeof table, 0, IMAGE_DURABLE, &failed);
    if (error) {
        spd_program_error(options->program, "cannot write a partition table to image %s: %s",
            options->argument, strerror(error));
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    return 0;
}

/* How much one command may unmap. The file is locked while a piece of it becomes a hole. In memory,
 * the thread that serves all does the work. If zeros are written, it is a long write. */
enum { UNMAP_MAX = 512 << 20, UNMAP_MAX_MEMORY = 64 << 20, UNMAP_MAX_WRITTEN = 4 << 20 };

/* Unmapping that cannot be done fast is not offered, unless it was asked for. */
static void offer_unmap(const struct image *image, spd_program_options *options,
    spd_params *params)
{
    uint32_t most = image->memory ? UNMAP_MAX_MEMORY : UNMAP_MAX;

    if (!image->holes && options->unmap && !spd_program_given(options, "unmap")) {
        spd_program_error(options->program,
            "image %s: %s cannot make holes, so that blocks cannot be unmapped; -U 1 lets them, "
            "and writes zeros", options->argument,
            image->block_device ? "the device" : "its file system");
        options->unmap = false;
        params->flags &= ~(uint32_t)(SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS);
    }
    params->max_unmap_blocks = most / params->block_length;
    if (!options->unmap)
        return;
    if (!image->holes)
        most = UNMAP_MAX_WRITTEN;
    if (image->granularity % params->block_length == 0)
        params->unmap_granularity = image->granularity;
    if (most < params->unmap_granularity)
        most = params->unmap_granularity;
    params->max_unmap_blocks = most / params->block_length;
}

/* Where the image would only write zeros, the library does so in pieces, between which others have
 * their turns. */
static spd_ops ops_of(const struct image *image, bool direct)
{
    spd_ops ops = rawdisk_ops;

    if (!image_moves_pieces)
        ops.readv = NULL, ops.writev = NULL;
    if (image->memory || direct || !image_takes_hints)
        ops.prefetch = NULL;
    if (!image->holes)
        ops.write_zeroes = NULL, ops.extents = NULL;
    return ops;
}

/* A GUID that stays all zero becomes a random one, which the state file then keeps. */
static bool find_identity(struct rawdisk *disk, spd_params *params)
{
    char message[IDENTITY_MESSAGE_MAX];
    bool found = identity_find(&disk->identity, &disk->image, disk->options, params->guid, message);

    if (*message)
        spd_program_error(disk->options->program, "%s", message);
    return found;
}

static bool read_image(void *image, void *buffer, size_t length, uint64_t offset)
{
    uint64_t failed;

    return image_read(image, buffer, length, offset, 0, &failed) == 0;
}

/* An image of another format is taken for raw only by those who say so, now or once before. */
static bool check_format(const struct rawdisk *disk, const struct medium *medium)
{
    const spd_program_options *options = disk->options;
    const char *name = NULL;
    enum format_verdict verdict;

    if (rawdisk_options_of(options)->format || disk->identity.served_before)
        return true;
    verdict = format_judge(medium, &name);
    if (verdict == FORMAT_FITS)
        spd_program_error(options->program,
            "image %s is a %s image, whose tables would be part of the disk: convert it, for "
            "example with qemu-img convert -O raw, or give --format raw to serve it as it is",
            options->argument, name);
    else if (verdict == FORMAT_MAGIC)
        spd_program_error(options->program,
            "image %s looks like a %s image, but does not fit together as one: it is served as it "
            "is", options->argument, name);
    return verdict != FORMAT_FITS;
}

static bool check_creation(const struct rawdisk *disk)
{
    if (!rawdisk_options_of(disk->options)->no_create || !disk->image.created)
        return true;
    spd_program_error(disk->options->program,
        "image %s is %s, and --no-create says not to make one", disk->options->argument,
        disk->image.missing ? "missing" : "empty");
    return false;
}

/* The image decides what the user left open. */
static int fit_image(struct rawdisk *disk, spd_program_options *options,
    const struct medium *medium, spd_params *params)
{
    struct image_extent extent;
    char message[IMAGE_MESSAGE_MAX];

    if (!spd_program_given(options, "block-length") && disk->image.sector)
        options->block_length = sectors_choose(medium, disk->image.sector);
    disk->block_length = params->block_length = (uint32_t)options->block_length;
    extent = (struct image_extent){
        .size = options->size ? options->size : options->block_count * options->block_length,
        .fallback_size = (uint64_t)SPD_PROGRAM_BLOCK_COUNT * options->block_length,
        .block_length = params->block_length,
    };
    if (image_fit(&disk->image, &extent, message) != IMAGE_OK) {
        spd_program_error(options->program, "%s", message);
        return SPD_PROGRAM_EXIT_USAGE;
    }
    params->block_count = disk->image.size / params->block_length;
    return 0;
}

static int open_image(struct rawdisk *disk, spd_program_options *options, spd_params *params)
{
    struct image_wish wish = {
        .path = options->argument,
        .writable = options->write_allowed,
        .cached = options->cache,
    };
    bool direct = rawdisk_options_of(options)->direct;
    char message[IMAGE_MESSAGE_MAX];
    struct medium medium;
    int status;

    disk->options = options;
    if (image_open(&disk->image, &wish, message) != IMAGE_OK) {
        spd_program_error(options->program, "%s", message);
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    medium = (struct medium){ read_image, &disk->image, disk->image.present };
    if (!check_creation(disk) || !find_identity(disk, params) || !check_format(disk, &medium))
        return SPD_PROGRAM_EXIT_FAILURE;
    status = fit_image(disk, options, &medium, params);
    if (status)
        return status;
    offer_unmap(&disk->image, options, params);
    disk->ops = ops_of(&disk->image, direct);
    /* The system cannot say of direct I/O whether it would wait for the medium. */
    if (!direct)
        params->flags |= disk->image.memory ? SPD_NEVER_BLOCKS : SPD_TRY_FIRST;
    return 0;
}

/* A mistyped name makes an image, too. */
static void announce(const struct rawdisk *disk)
{
    char size[SIZE_TEXT_MAX];

    if (disk->image.created)
        spd_program_error(disk->options->program, "new image %s of %s", disk->options->argument,
            size_format(disk->image.size, size));
}

static bool save_identity(struct rawdisk *disk, const spd_params *params)
{
    char message[IDENTITY_MESSAGE_MAX];
    bool saved = identity_save(&disk->identity, &disk->image, params->guid, message);

    if (*message)
        spd_program_error(disk->options->program, "%s", message);
    return saved;
}

/* No other disk of this host has the same identity while this one is served. */
static bool claim(struct rawdisk *disk, const spd_params *params)
{
    char message[IMAGE_MESSAGE_MAX], guid[37];
    enum claim_result result;

    spd_guid_format(params->guid, guid);
    result = claim_identity(&disk->claim, &disk->image, guid, message);
    if (*message)
        spd_program_error(disk->options->program, "%s", message);
    return result == CLAIM_OK;
}

static void say_of_name(void *context, const char *message)
{
    struct rawdisk *disk = context;

    spd_program_error(disk->options->program, "%s", message);
}

static int rawdisk_make(void *context, const spd_params *params)
{
    struct rawdisk *disk = context;
    const spd_program_options *options = disk->options;
    const struct rawdisk_options *own = rawdisk_options_of(options);
    char message[IMAGE_MESSAGE_MAX];
    int status = 0;

    if (image_make(&disk->image, message) != IMAGE_OK) {
        spd_program_error(options->program, "%s", message);
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    if (disk->image.created && (own->mbr || (image_wants_table && !own->no_mbr)))
        status = write_partition_table(disk, options, params);
    if (status == 0 && own->direct &&
        image_go_direct(&disk->image, disk->block_length, message) != IMAGE_OK) {
        spd_program_error(options->program, "%s", message);
        status = SPD_PROGRAM_EXIT_FAILURE;
    }
    if (status == 0 && !(claim(disk, params) && save_identity(disk, params)))
        status = SPD_PROGRAM_EXIT_FAILURE;
    if (status)
        return status;
    announce(disk);
    disk->watch = watch_start(&disk->image, say_of_name, disk);
    disk->made = true;
    return 0;
}

static void rawdisk_unmake(void *context)
{
    struct rawdisk *disk = context;

    watch_stop(disk->watch);
    disk->watch = NULL;
    disk->made = false;
    if (!identity_restore(&disk->identity))
        spd_program_error(disk->options->program,
            "the state file %s cannot be put back as it was: see IDENTITY in rawdisk(1)",
            disk->identity.path);
    if (disk->image.created && (disk->image.made || !disk->image.missing))
        spd_program_error(disk->options->program, "the new image %s %s", disk->options->argument,
            image_unmake(&disk->image) ? "is taken back" : "cannot be taken back: remove it");
}

static bool rawdisk_measure(void *context, uint64_t *block_count)
{
    struct rawdisk *disk = context;
    char message[IMAGE_MESSAGE_MAX];

    if (image_measure(&disk->image, disk->block_length, message) != IMAGE_OK) {
        spd_program_error(disk->options->program, "%s", message);
        return false;
    }
    *block_count = disk->image.size / disk->block_length;
    return true;
}

static const spd_program_store rawdisk_store = {
    .make = rawdisk_make,
    .unmake = rawdisk_unmake,
    .measure = rawdisk_measure,
};

/* A disk without a cache has no last flush, and the library does not say what a failure means. */
static bool is_flushed(struct rawdisk *disk)
{
    int lost = image_lost(&disk->image);

    if (lost)
        spd_program_error(disk->options->program,
            "a flush of image %s failed (%s): what was written since the flush before may be lost, "
            "and every later flush was answered with an error; check the image and what it is on",
            disk->options->argument, strerror(lost));
    return !lost;
}

static bool has_its_name(struct rawdisk *disk)
{
    char message[IMAGE_MESSAGE_MAX];

    watch_stop(disk->watch);
    if (!disk->made || watch_has_its_name(&disk->image, message))
        return true;
    spd_program_error(disk->options->program,
        "image %s lost its name while it was served: the next start finds another image there, or "
        "none", disk->options->argument);
    return false;
}

static int judge_end(struct rawdisk *disk, int status)
{
    bool flushed = is_flushed(disk);
    bool named = has_its_name(disk);

    return flushed && named ? status : SPD_PROGRAM_EXIT_FAILURE;
}

/* Opens the images, serves all, and judges the end of each. *opened: how many are to be closed. */
static int run(spd_program_disk *served, struct rawdisk *disks, uint32_t count,
    uint32_t *opened)
{
    int status = 0;

    for (uint32_t i = 0; i < count && status == 0; i++) {
        spd_program_disk *own = &served[i];

        ++*opened;
        own->params.grace = (uint32_t)rawdisk_options_of(&own->options)->grace;
        own->device = (spd_device){ &disks[i].ops, &disks[i] };
        own->store_context = &disks[i];
        own->store = &rawdisk_store;
        status = open_image(&disks[i], &own->options, &own->params);
    }
    if (status)
        return status;
    status = spd_program_run(served, count);
    for (uint32_t i = 0; i < count; i++)
        status = judge_end(&disks[i], status);
    return status;
}

int main(int argc, char **argv)
{
    static struct rawdisk disks[SPD_PROGRAM_DISKS_MAX];
    static spd_program_disk served[SPD_PROGRAM_DISKS_MAX];
    struct rawdisk_options own = { 0 };
    spd_program_options options;
    int status = spd_program_begin(&rawdisk_program, argc, argv, &options, &own);
    uint32_t count, opened = 0;

    if (status >= 0)
        return status;
    if (!rawdisk_options_check(&options))
        return SPD_PROGRAM_EXIT_USAGE;
    count = spd_program_disks(&options);
    for (uint32_t i = 0; i < count; i++)
        spd_program_disk_init(&served[i], &options, i);
    status = run(served, disks, count, &opened);
    for (uint32_t i = 0; i < opened; i++) {
        image_close(&disks[i].image);
        claim_release(&disks[i].claim);
    }
    return status;
}
