/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The identity says which disk an image is: its GUID, from which serial number and names follow.
 *
 * Initiators take two disks of one identity for two paths to one disk, and destroy both. So an
 * identity belongs to one image on one machine. The state file keeps it together with both. If they
 * differ, as with a copied image or a cloned machine, only the user knows which of the two is the
 * disk. The user then says --adopt or --new-identity.
 */

#ifndef DEVICES_RAWDISK_IDENTITY_H
#define DEVICES_RAWDISK_IDENTITY_H

#include "../common/state.h"
#include "image.h"
#include "options.h"

enum { IDENTITY_MESSAGE_MAX = 6144, IDENTITY_PATH_MAX = 4352 };

struct identity {
    struct state found;             /* what the state file said */
    struct state now;               /* its new contents; complete after identity_save() */
    char path[IDENTITY_PATH_MAX];   /* the state file's */
    char former[STATE_SIZE_MAX];    /* its bytes before this start */
    size_t former_length;           /* 0: there was none */
    bool served_before;             /* the state file exists, and is about this image */
    bool must_keep;                 /* the GUID is a random one: the next start knows it from the
                                     * state file alone */
    bool write;                     /* the state file shall be written */
    bool written;
    int kept;       /* state_keep(), since it was written */
    bool in_folder; /* it lies in identity_folder() */
};

enum identity_choice {
    IDENTITY_GIVEN, /* --guid */
    IDENTITY_KEPT,  /* from the state file */
    IDENTITY_DERIVED, /* from machine and path */
    IDENTITY_RANDOM,
    IDENTITY_REFUSED, /* message says why */
};

/* The choice depends on these. */
struct identity_case {
    const struct state *found; /* NULL: there is no state file */
    const struct state *now;   /* machine, inode, birth, device: their present values */
    const char *path;          /* the state file's, for messages */
    bool named;                /* --state named it */
    bool missing;              /* the image is yet to be made */
    bool given, adopt, renew;  /* --guid, --adopt, --new-identity */
};
enum identity_choice identity_choose(const struct identity_case *which,
    char message[IDENTITY_MESSAGE_MAX]);

/* Decides before anything is made. guid: of --guid, or all zero; on success the identity, or all
 * zero for a random one. False: message says why the start is refused. */
bool identity_find(struct identity *identity, const struct image *image,
    const spd_program_options *options, uint8_t guid[16], char message[IDENTITY_MESSAGE_MAX]);

/* The image has been made, and the unit has this GUID: writes the state file. True with a message
 * that is not empty: the disk can be served, but the user should know. */
bool identity_save(struct identity *identity, const struct image *image, const uint8_t guid[16],
    char message[IDENTITY_MESSAGE_MAX]);

/* The start failed after identity_save(): restores the state file. */
bool identity_restore(struct identity *identity);

/* In identity_posix.c and identity_windows.c. The identity of this machine, all zero if it has none
 * of its own, and the text from which it was made. */
enum { IDENTITY_MACHINE_MAX = 64 };
void identity_machine(uint8_t machine[16], char text[IDENTITY_MACHINE_MAX]);
/* inode, birth and device of an image that exists. */
void identity_image(const struct image *image, struct state *state);
/* The folder for the state files of block devices. */
const char *identity_folder(void);
void identity_make_folder(void);

#endif
