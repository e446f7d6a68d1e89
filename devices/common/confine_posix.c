/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Makes the process another user than the one that opened the image and bound the doors. */

#include "confine.h"
#include "size.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

struct identity {
    const char *name; /* the user's, for its supplementary groups; NULL: it has no entry */
    uid_t uid;
    gid_t gid;
    bool user, group; /* each was given */
};

/* A name, or a number, for example of a user that only a container knows. */
static bool is_number(const char *text, uint32_t *number)
{
    uint64_t value;

    /* The highest one means "no change" to the system. */
    if (!size_parse_number(text, &value) || value >= UINT32_MAX)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool find_user(const spd_program_options *options, struct identity *identity)
{
    const struct passwd *entry = getpwnam(options->user);
    uint32_t number;

    if (!entry && is_number(options->user, &number))
        entry = getpwuid(number);
    if (entry) {
        identity->name = entry->pw_name;
        identity->uid = entry->pw_uid;
        if (!identity->group)
            identity->gid = entry->pw_gid;
    } else if (is_number(options->user, &number) && identity->group) {
        identity->uid = number;
    } else {
        spd_program_error(options->program, "--user %s: there is no such user%s", options->user,
            is_number(options->user, &number) ? "; for a number without an entry give --group, too"
                                              : "");
        return false;
    }
    identity->user = true;
    return true;
}

static bool find_group(const spd_program_options *options, struct identity *identity)
{
    const struct group *entry = getgrnam(options->group);
    uint32_t number;

    if (entry) {
        identity->gid = entry->gr_gid;
    } else if (is_number(options->group, &number)) {
        identity->gid = number;
    } else {
        spd_program_error(options->program, "--group %s: there is no such group", options->group);
        return false;
    }
    identity->group = true;
    return true;
}

static bool find(const spd_program_options *options, struct identity *identity)
{
    *identity = (struct identity){ .uid = getuid(), .gid = getgid() };
    return (!options->group || find_group(options, identity)) &&
        (!options->user || find_user(options, identity));
}

bool confine_check(const spd_program_options *options)
{
    struct identity identity;

    if (!find(options, &identity))
        return false;
    if ((identity.user || identity.group) && geteuid() != 0) {
        spd_program_error(options->program,
            "--user and --group need a start as root: leave them out, or start it by sudo");
        return false;
    }
    for (uint32_t i = 0; i < options->door_count; i++)
        if ((identity.user || identity.group) && !strncmp(options->doors[i], "tcmu:", 5)) {
            spd_program_error(options->program, "--user and --group: only root can take a disk of "
                "tcmu: away at the end, so leave them out");
            return false;
        }
    return true;
}

static bool become(const struct identity *identity)
{
    int groups = identity->name ? initgroups(identity->name, identity->gid)
                                : setgroups(identity->group, &identity->gid);

    return groups == 0 && setresgid(identity->gid, identity->gid, identity->gid) == 0 &&
        setresuid(identity->uid, identity->uid, identity->uid) == 0;
}

bool confine_user(const spd_program_options *options)
{
    struct identity identity;

    if (!options->user && !options->group)
        return true;
    if (!find(options, &identity))
        return false;
    if (!become(&identity)) {
        spd_program_error(options->program, "cannot become user %lu, group %lu: %s",
            (unsigned long)identity.uid, (unsigned long)identity.gid, strerror(errno));
        return false;
    }
    /* A way back would make the change worthless. */
    if (identity.uid != 0 && setuid(0) == 0) {
        spd_program_error(options->program, "the system let us become root again");
        return false;
    }
    return true;
}
