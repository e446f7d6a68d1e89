/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Between the files that open an image on Windows and those that use it. */

#ifndef DEVICES_RAWDISK_IMAGE_WINDOWS_H
#define DEVICES_RAWDISK_IMAGE_WINDOWS_H

#include "image_os.h"

#include <windows.h>

/* How to make a range read as zeros, in image->unmap_method. */
enum { UNMAP_ZERO_DATA, UNMAP_WRITE };

/* Ends the event of a thread, in image->event_slot. */
void WINAPI image_close_event(void *event);

/* DeviceIoControl on the image, to its end. False: GetLastError() says why. */
bool image_control(
    const struct image *image, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size);

#endif
