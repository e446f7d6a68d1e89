/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The interface between image.c and the file that knows the operating system; for no other file. */

#ifndef DEVICES_RAWDISK_IMAGE_OS_H
#define DEVICES_RAWDISK_IMAGE_OS_H

#include "image.h"

/* In image.c. Formats the message and returns the result. */
enum image_result image_fail(char *message, enum image_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets up everything that an image needs on every system, before it is opened. 0 or an errno. */
int image_prepare(struct image *image);
/* EIO, with *failed at the image's present end, if that is before length bytes from offset. */
int image_check_end(const struct image *image, uint64_t length, uint64_t offset, uint64_t *failed);

/* In image_io_posix.c and image_io_windows.c; all return 0 or an errno. Where the image ends now;
 * what cannot be truncated may be as long as it likes. */
int image_os_end(const struct image *image, uint64_t *end);
/* vec, count: of length bytes. *done: bytes that were moved, on failure too. nowait: EAGAIN instead
 * of blocking, or EOPNOTSUPP where the system cannot tell. Reading ends with EIO at the end of the
 * image. */
int image_os_read(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done);
int image_os_write(struct image *image, const spd_vec *vec, uint32_t count, size_t length,
    uint64_t offset, bool nowait, size_t *done);
int image_os_flush(struct image *image);
/* Makes bytes zeros without writing them. keep: they keep their space, or get it. EOPNOTSUPP: only
 * writing zeros does it. */
int image_os_zero(struct image *image, uint64_t length, uint64_t offset, bool keep);
/* Where the run of bytes ends that begins at offset, and whether it is a hole. An errno: it is not
 * known. */
int image_os_run(const struct image *image, uint64_t offset, uint64_t *end, bool *hole);
/* A hint of at most a megabyte. */
void image_os_prefetch(const struct image *image, uint64_t length, uint64_t offset);
/* The time of a clock that only goes forward. */
uint64_t image_os_now_ms(void);

#endif
