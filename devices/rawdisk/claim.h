/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The identities that are in use on this host. Initiators take two disks of one identity for two
 * paths to one disk, and destroy both. Several programs may serve one image that they only read.
 *
 * The claim is a name in the system that disappears with the process, however it ends.
 */

#ifndef DEVICES_RAWDISK_CLAIM_H
#define DEVICES_RAWDISK_CLAIM_H

#include "image.h"

struct claim {
    void *handles[2]; /* Windows */
    int fd;           /* POSIX, plus 1; 0: none */
};

enum claim_result {
    CLAIM_OK,      /* message is empty, or names the facts that stay unknown */
    CLAIM_REFUSED, /* another program serves another image with this identity: message says so */
};

/* guid: the identity as text. The image is open. The claim is all zeros, or was released. */
enum claim_result claim_identity(struct claim *claim, const struct image *image, const char *guid,
    char message[IMAGE_MESSAGE_MAX]);
void claim_release(struct claim *claim);

#endif
