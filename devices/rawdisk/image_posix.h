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

#endif
