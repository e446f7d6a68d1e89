/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An image: the file or block device that holds a disk's bytes.
 *
 * It uses positional reads and writes, never a mapping. The image may be truncated, or its medium
 * may fail, at any time. This must be an error of a request, not a signal to the process.
 */

#ifndef DEVICES_RAWDISK_IMAGE_H
#define DEVICES_RAWDISK_IMAGE_H

#include "flush_group.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spd/spd.h>

enum { IMAGE_MESSAGE_MAX = 1024, IMAGE_NAME_MAX = 4352 };

enum image_flags {
    IMAGE_NOWAIT = 1u << 0,  /* EAGAIN instead of blocking */
    IMAGE_DURABLE = 1u << 1, /* reads see, and writes reach, stable storage */
    IMAGE_KEEP = 1u << 2,    /* zeros keep their space, or get it */
    IMAGE_FAST = 1u << 3,    /* EOPNOTSUPP instead of zeros that are written one by one */
};

/* Direct I/O, past the cache of the system: the alignment of memory, and of offsets and lengths; 0:
 * none. */
struct image_direct {
    uint32_t memory, offset;
};

struct image {
    int fd;               /* POSIX */
    void *handle;         /* Windows */
    const char *path;     /* as the wish has it */
    uint64_t present;     /* bytes that it had when it was opened */
    uint32_t sector;      /* bytes of a block device's sector; 0: it is none */
    uint64_t size;        /* bytes of the disk, and of the file from image_make() on */
    uint32_t granularity; /* bytes: the unit in which unmapping gives space back, and a good
                           * alignment; 0: unknown */
    bool missing;         /* there was no such file */
    bool created;         /* it was missing or empty: it has no contents to keep */
    bool made;            /* image_make() has made the file */
    bool memory;          /* it lives in memory: nothing blocks and nothing can be flushed */
    bool block_device;
    bool holes;           /* ranges become zeros without being written */
    bool cached;          /* written data may be volatile until a flush */
    char name[IMAGE_NAME_MAX]; /* its path without links; of a block device: as it was given */
    struct image_direct direct;
    struct flush_group flushes;
    atomic_bool no_nowait_read;
    atomic_bool no_nowait_write;
    atomic_uint unmap_method;
    atomic_uint keep_method; /* the same, for IMAGE_KEEP */
    uint32_t event_slot;  /* Windows: the slot with each thread's event */
};

/* A new image gets a partition table unasked: on Windows, where the original's users expect one. */
extern const bool image_wants_table;

/* The system moves pieces of memory in one call: not Windows, where one buffer and a copy are
 * faster. */
extern const bool image_moves_pieces;

/* The system can be told which bytes will be read soon. */
extern const bool image_takes_hints;

/* A block device takes only whole sectors: on Windows, which does not cache it. */
extern const bool image_takes_whole_sectors;

struct image_wish {
    const char *path;
    bool writable;
    bool cached;
};

/* The requested size of the disk. */
struct image_extent {
    uint64_t size;         /* bytes; 0: those it has, or fallback_size if it has none */
    uint64_t fallback_size;
    uint32_t block_length; /* the size must be a multiple */
};

enum image_result {
    IMAGE_OK,
    IMAGE_BAD_SIZE, /* the requested size does not fit the image */
    IMAGE_FAILED,
};

/* Opens an existing image and locks it against other writers. A file that is missing or empty stays
 * so until image_make(): much can fail before the disk is served. On failure message says why. */
enum image_result image_open(struct image *image, const struct image_wish *wish,
    char message[IMAGE_MESSAGE_MAX]);
/* Decides the size of the disk, and whether the image is good for it. */
enum image_result image_fit(struct image *image, const struct image_extent *extent,
    char message[IMAGE_MESSAGE_MAX]);
/* The image may have grown since: decides on its present size. Beside reads and writes. */
enum image_result image_measure(struct image *image, uint32_t block_length,
    char message[IMAGE_MESSAGE_MAX]);
/* Makes the file if it is missing, and sizes it if it is empty. */
enum image_result image_make(struct image *image, char message[IMAGE_MESSAGE_MAX]);
/* From now on data goes past the cache of the system, in blocks of this length. After image_make(),
 * and before the image is served. */
enum image_result image_go_direct(struct image *image, uint32_t block_length,
    char message[IMAGE_MESSAGE_MAX]);
/* Takes back the work of image_make(); false: it could not. */
bool image_unmake(struct image *image);
void image_close(struct image *image);

/* These return 0 or an errno. *failed is then the offset of the first byte that was not moved.
 * Within image->size, reads and writes of bytes that are no longer there give EIO. A write would
 * make the image grow again, and the lost bytes before it would read as good zeros. */
int image_read(struct image *image, void *buffer, size_t length, uint64_t offset, unsigned flags,
    uint64_t *failed);
int image_write(struct image *image, const void *buffer, size_t length, uint64_t offset,
    unsigned flags, uint64_t *failed);
/* The same of count pieces of memory, which have length bytes together. */
int image_readv(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, unsigned flags, uint64_t *failed);
int image_writev(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, unsigned flags, uint64_t *failed);

/* Makes all data that was written before the call durable. A failure is final, see flush_group.h:
 * all later calls return the same error, EIO or ENOSPC. Durable writes do so too and, with a cache,
 * durable reads. */
int image_flush(struct image *image);
/* The error of that failure, or 0. */
int image_lost(struct image *image);

/* Where the run of bytes ends that begins at offset, and whether it is a hole. 0, or an errno: it
 * is not known. */
int image_run(const struct image *image, uint64_t offset, uint64_t *end, bool *hole);

/* The system begins to read these bytes into its cache, as far as it likes. */
void image_prefetch(const struct image *image, uint64_t length, uint64_t offset);

/* The bytes read as zeros from now on. Without IMAGE_KEEP their space is given back where that is
 * possible. */
int image_zero(struct image *image, uint64_t length, uint64_t offset, unsigned flags,
    uint64_t *failed);
/* The same for an unmap, after which no flush comes without a cache. */
int image_unmap(struct image *image, uint64_t length, uint64_t offset, uint64_t *failed);

#endif
