/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "identity.h"
#include "../common/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

static const uint8_t no_guid[16];

__attribute__((format(printf, 2, 3)))
static bool fail(char *message, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, IDENTITY_MESSAGE_MAX, format, args);
    va_end(args);
    return false;
}

static bool same_guid(const uint8_t one[16], const uint8_t other[16])
{
    return memcmp(one, other, 16) == 0;
}

/* Describes how the state file differs; false: it is about this image on this machine. A fact that
 * one side does not know does not count. */
static bool differs(const struct state *found, const struct state *now, char *text, size_t size)
{
    if (!same_guid(found->machine, now->machine))
        snprintf(text, size, "another machine");
    else if (found->inode && now->inode && found->inode != now->inode)
        snprintf(text, size, "another file (inode %" PRIu64 ", and this is %" PRIu64 ")",
            found->inode, now->inode);
    else if (found->birth && now->birth && found->birth != now->birth)
        snprintf(text, size, "another file (of the same inode, but made at another time)");
    else if (*found->device && *now->device && strcmp(found->device, now->device) != 0)
        snprintf(text, size, "another device (%s, and this is %s)", found->device, now->device);
    else
        return false;
    return true;
}

static enum identity_choice refuse(const struct identity_case *which, const char *difference,
    char *message)
{
    char guid[37];

    spd_guid_format(which->found->guid, guid);
    fail(message, "state file %s is of %s: two disks must not both be %s. Give --adopt if that "
        "disk is now this image, on this machine and nowhere else, or --new-identity if this is a "
        "copy",
        which->path, difference, guid);
    return IDENTITY_REFUSED;
}

static enum identity_choice choose_without_file(const struct identity_case *which, char *message)
{
    if (which->adopt) {
        fail(message, "--adopt: there is no state file %s; --guid gives an identity without one",
            which->path);
        return IDENTITY_REFUSED;
    }
    if (which->renew || same_guid(which->now->machine, no_guid))
        return IDENTITY_RANDOM;
    return IDENTITY_DERIVED;
}

/* There is a state file, and no image. */
static enum identity_choice choose_for_new(const struct identity_case *which, char *message)
{
    char guid[37];

    spd_guid_format(which->found->guid, guid);
    if (which->named) {
        fail(message, "state file %s is of an image that is not there: is a file system not "
            "mounted, or a name mistyped? --new-identity makes a new image that is not %s",
            which->path, guid);
        return IDENTITY_REFUSED;
    }
    fail(message, "state file %s was of an image that is gone; the new one gets an identity of its "
        "own (the former was --guid %s)", which->path, guid);
    return IDENTITY_RANDOM;
}

enum identity_choice identity_choose(const struct identity_case *which,
    char message[IDENTITY_MESSAGE_MAX])
{
    char difference[2 * STATE_TEXT_MAX + 64];

    *message = '\0';
    if (which->given)
        return IDENTITY_GIVEN;
    if (!which->found)
        return choose_without_file(which, message);
    if (which->renew)
        return IDENTITY_RANDOM;
    if (which->adopt)
        return IDENTITY_KEPT;
    if (which->missing)
        return choose_for_new(which, message);
    if (differs(which->found, which->now, difference, sizeof difference))
        return refuse(which, difference, message);
    return IDENTITY_KEPT;
}

/* FILE.spdstate beside a file; for a block device a name made of its path, in a folder for all. */
static bool place(struct identity *identity, const struct image *image,
    const spd_program_options *options, char *message)
{
    const char *named = rawdisk_options_of(options)->state;
    const size_t size = sizeof identity->path;
    char name[IMAGE_NAME_MAX + 8], guid_text[37];
    uint8_t guid[16];
    int length;

    if (named) {
        length = snprintf(identity->path, size, "%s", named);
    } else if (image->block_device) {
        snprintf(name, sizeof name, "device:%s", image->name);
        spd_guid_from_name(name, guid);
        spd_guid_format(guid, guid_text);
        length = snprintf(identity->path, size, "%s/%s.spdstate", identity_folder(), guid_text);
        identity->in_folder = true;
    } else {
        length = snprintf(identity->path, size, "%s.spdstate", image->name);
    }
    return length < (int)size || fail(message, "the name of the state file is too long");
}

/* *found: it is there and good. */
static bool load(struct identity *identity, bool *found, char *message)
{
    char why[STATE_WHY_MAX];
    int error = state_read(identity->path, identity->former, &identity->former_length);

    *found = !error;
    if (error == ENOENT)
        return true;
    if (error)
        return fail(message, "cannot read state file %s: %s", identity->path,
            error == EINVAL ? "it is not a regular file" : strerror(error));
    if (state_parse(&identity->found, identity->former, identity->former_length, why))
        return true;
    return fail(message, "state file %s: %s. Mend it, or move it away",
        identity->path, why);
}

/* The identity that images had before there were state files: they keep it. */
static void derive(const struct image *image, const char *machine, uint8_t guid[16])
{
    char name[IDENTITY_MACHINE_MAX + IMAGE_NAME_MAX + 1];

    snprintf(name, sizeof name, "%s:%s", machine, image->name);
    spd_guid_from_name(name, guid);
}

bool identity_find(struct identity *identity, const struct image *image,
    const spd_program_options *options, uint8_t guid[16], char message[IDENTITY_MESSAGE_MAX])
{
    const struct rawdisk_options *own = rawdisk_options_of(options);
    char machine[IDENTITY_MACHINE_MAX], difference[2 * STATE_TEXT_MAX + 64];
    enum identity_choice choice;
    bool found;

    *message = '\0';
    memset(identity, 0, sizeof *identity);
    identity_machine(identity->now.machine, machine);
    if (!image->missing)
        identity_image(image, &identity->now);
    if (!place(identity, image, options, message) || !load(identity, &found, message))
        return false;
    choice = identity_choose(&(struct identity_case){
        .found = found ? &identity->found : NULL,
        .now = &identity->now,
        .path = identity->path,
        .named = own->state,
        .missing = image->missing,
        .given = options->guid_text[0],
        .adopt = own->adopt,
        .renew = own->new_identity,
    }, message);
    if (choice == IDENTITY_REFUSED)
        return false;
    if (choice == IDENTITY_KEPT)
        memcpy(guid, identity->found.guid, 16);
    else if (choice == IDENTITY_DERIVED)
        derive(image, machine, guid);
    identity->served_before = found && !image->created &&
        !differs(&identity->found, &identity->now, difference, sizeof difference);
    identity->must_keep = choice == IDENTITY_RANDOM;
    /* A write-protected disk may be on another's medium: it gets no state file that is not
     * needed. */
    identity->write = options->write_allowed || choice != IDENTITY_DERIVED || own->state;
    return true;
}

static bool explain_unwritable(const struct identity *identity, int error, char *message)
{
    fail(message, "state file %s cannot be written (%s), and %s", identity->path, strerror(error),
        identity->must_keep ?
            "there is nothing else to know this disk by: give --guid, or a place with --state" :
            "the disk is known by options, machine and path alone: --state gives another place");
    return !identity->must_keep;
}

bool identity_save(struct identity *identity, const struct image *image, const uint8_t guid[16],
    char message[IDENTITY_MESSAGE_MAX])
{
    static char text[STATE_SIZE_MAX];
    size_t length;
    int error;

    *message = '\0';
    if (!identity->write)
        return true;
    identity_image(image, &identity->now);
    memcpy(identity->now.guid, guid, 16);
    /* The other keys of the state file are about the disk of that identity. */
    if (same_guid(identity->found.guid, guid))
        memcpy(identity->now.other, identity->found.other, sizeof identity->now.other);
    length = state_format(&identity->now, text);
    if (length == identity->former_length && memcmp(text, identity->former, length) == 0)
        return true;
    if (output_same(output_of_path(identity->path), output_of_path(image->path)))
        return fail(message, "state file %s is the image itself: name another", identity->path);
    if (identity->in_folder)
        identity_make_folder();
    error = length ? state_write(identity->path, text, length) : EFBIG;
    identity->written = !error;
    identity->kept = error ? -1 : state_keep(identity->path);
    return error ? explain_unwritable(identity, error, message) : true;
}

bool identity_restore(struct identity *identity)
{
    if (!identity->written)
        return true;
    identity->written = false;
    return state_put_back(identity->kept, identity->path, identity->former,
        identity->former_length) == 0;
}
