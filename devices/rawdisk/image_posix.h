/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Between the files that open an image on POSIX systems and those that use it. */

#ifndef DEVICES_RAWDISK_IMAGE_POSIX_H
#define DEVICES_RAWDISK_IMAGE_POSIX_H

#include "image_os.h"

#include <sys/types.h>

/* errno of a write. */
int image_write_error(void);

/* Can ranges become zeros without being written? The three are for a file that is open for writing,
 * for files in a directory, and for a block device. Nothing of the data changes. */
bool image_file_makes_holes(int fd, uint64_t size);
bool image_directory_makes_holes(const char *directory);
bool image_device_makes_holes(dev_t device);

/* image_direct_posix.c. Whether direct I/O takes these pieces of memory; true without it. */
bool image_is_aligned(const struct image *image, const spd_vec *vec, uint32_t count);
/* As image_os_read() and image_os_write(), by way of a copy that is aligned. */
int image_bounce_read(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, size_t *done);
int image_bounce_write(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, size_t *done);

#endif
