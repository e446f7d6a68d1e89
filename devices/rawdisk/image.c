/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The part of an image that is the same on every operating system. */

#include "image_os.h"
#include "../common/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum image_result image_fail(char *message, enum image_result result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, IMAGE_MESSAGE_MAX, format, args);
    va_end(args);
    return result;
}

static enum image_result check_blocks(const struct image *image,
    const struct image_extent *extent, char *message)
{
    uint32_t length = extent->block_length;
    char has[SIZE_TEXT_MAX], advice[64] = "";

    if (image_takes_whole_sectors && image->sector && length % image->sector)
        return image_fail(message, IMAGE_BAD_SIZE,
            "image %s has sectors of %" PRIu32 " bytes: use -l %" PRIu32 ", or a multiple of it",
            image->path, image->sector, image->sector);
    if (image->present % length == 0)
        return IMAGE_OK;
    if (!image->block_device)
        snprintf(advice, sizeof advice, "lengthen it to %" PRIu64 " bytes, or ",
            image->present + length - image->present % length);
    return image_fail(message, IMAGE_BAD_SIZE,
        "image %s has %s, which is not a multiple of the block length %" PRIu32
        ": %suse another -l", image->path, size_format(image->present, has), length, advice);
}

enum image_result image_fit(struct image *image, const struct image_extent *extent,
    char message[IMAGE_MESSAGE_MAX])
{
    char has[SIZE_TEXT_MAX], wants[SIZE_TEXT_MAX];

    image->size = extent->size ? extent->size : image->present ? image->present
                                                               : extent->fallback_size;
    if (image->created)
        return IMAGE_OK;
    if (image->size != image->present)
        return image_fail(message, IMAGE_BAD_SIZE,
            "image %s has %s, but the disk would have %s: leave -c and --size out to take the "
            "image as it is, or name another image", image->path,
            size_format(image->present, has), size_format(image->size, wants));
    return check_blocks(image, extent, message);
}

enum image_result image_measure(struct image *image, uint32_t block_length,
    char message[IMAGE_MESSAGE_MAX])
{
    char has[SIZE_TEXT_MAX], served[SIZE_TEXT_MAX];
    uint64_t end;
    int error = image_os_end(image, &end);

    if (error)
        return image_fail(message, IMAGE_FAILED, "image %s does not say its size: %s", image->path,
            strerror(error));
    if (end < image->size)
        return image_fail(message, IMAGE_BAD_SIZE,
            "image %s has shrunk to %s, and the disk keeps its %s, whose end fails: lengthen the "
            "image again", image->path, size_format(end, has), size_format(image->size, served));
    if (end % block_length)
        return image_fail(message, IMAGE_BAD_SIZE,
            "image %s has %s, which is not a multiple of the block length %" PRIu32
            ": lengthen it to %" PRIu64 " bytes", image->path, size_format(end, has), block_length,
            end + block_length - end % block_length);
    image->size = end;
    return IMAGE_OK;
}

int image_check_end(const struct image *image, uint64_t length, uint64_t offset, uint64_t *failed)
{
    uint64_t end;
    int error = image_os_end(image, &end);

    if (error)
        return error;
    if (end >= offset + length)
        return 0;
    if (end > offset)
        *failed = end;
    return EIO;
}

int image_run(const struct image *image, uint64_t offset, uint64_t *end, bool *hole)
{
    return image_os_run(image, offset, end, hole);
}

/* Linux reads about as much for one hint as for one read ahead. */
enum { HINT = 128 << 10, PREFETCH_MAX = 64 << 20 };

void image_prefetch(const struct image *image, uint64_t length, uint64_t offset)
{
    if (length > PREFETCH_MAX)
        length = PREFETCH_MAX;
    for (uint64_t done = 0; done < length; done += HINT)
        image_os_prefetch(image, length - done < HINT ? length - done : HINT, offset + done);
}

static int flush_now(void *image)
{
    return image_os_flush(image);
}

int image_prepare(struct image *image)
{
    return flush_group_open(&image->flushes, flush_now, image);
}

/* Lost data does not come back by itself, although the error of the flush may pass: with ETIMEDOUT
 * initiators would flush again and again. */
static int lasting(int error)
{
    return error && error != ENOSPC ? EIO : error;
}

int image_flush(struct image *image)
{
    return image->memory ? 0 : lasting(flush_group_join(&image->flushes));
}

int image_lost(struct image *image)
{
    return flush_group_lost(&image->flushes);
}

/* A system or file system that cannot tell whether it would block is not asked again. */
static int judge_nowait(int error, bool nowait, atomic_bool *impossible)
{
    if (error != EOPNOTSUPP || !nowait)
        return error;
    atomic_store_explicit(impossible, true, memory_order_relaxed);
    return EAGAIN;
}

int image_readv(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, unsigned flags, uint64_t *failed)
{
    bool nowait = flags & IMAGE_NOWAIT && !image->memory;
    /* Without a cache every write was durable, and so is all data that can be read. */
    bool flush = flags & IMAGE_DURABLE && image->cached;
    size_t done;
    int error;

    if (nowait && (flush || atomic_load_explicit(&image->no_nowait_read, memory_order_relaxed)))
        return EAGAIN;
    *failed = offset;
    if (flush && (error = image_flush(image)))
        return error;
    error = image_os_read(image, vec, count, length, offset, nowait, &done);
    *failed = offset + done;
    return judge_nowait(error, nowait, &image->no_nowait_read);
}

int image_read(struct image *image, void *buffer, size_t length, uint64_t offset, unsigned flags,
    uint64_t *failed)
{
    return image_readv(image, &(spd_vec){ buffer, length }, 1, length, offset, flags, failed);
}

int image_writev(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, unsigned flags, uint64_t *failed)
{
    bool nowait = flags & IMAGE_NOWAIT && !image->memory;
    bool durable = flags & IMAGE_DURABLE && !image->memory;
    size_t done;
    int error;

    if (nowait && (durable || atomic_load_explicit(&image->no_nowait_write, memory_order_relaxed)))
        return EAGAIN;
    *failed = offset;
    if ((error = image_check_end(image, length, offset, failed)))
        return error;
    error = image_os_write(image, vec, count, length, offset, nowait, &done);
    if (error || !durable) {
        *failed = offset + done;
        return judge_nowait(error, nowait, &image->no_nowait_write);
    }
    /* The write is not durable by itself (RWF_DSYNC, FILE_FLAG_WRITE_THROUGH): such a write would
     * take an error away from others' flush. */
    return image_flush(image);
}

int image_write(struct image *image, const void *buffer, size_t length, uint64_t offset,
    unsigned flags, uint64_t *failed)
{
    const spd_vec piece = { (void *)(uintptr_t)buffer, length };

    return image_writev(image, &piece, 1, length, offset, flags, failed);
}
