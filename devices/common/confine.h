/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Once its doors are bound and its image is open, a server gives up the rights of its user, and the
 * system calls that serving does not need. A fault in it is then worth less to an attacker.
 *
 * A function that fails prints a message with spd_program_error() and returns false. If it has
 * given up only a part, the program ends.
 */

#ifndef DEVICES_COMMON_CONFINE_H
#define DEVICES_COMMON_CONFINE_H

#include "options.h"

/* Looks --user and --group up, before anything is opened or made. */
bool confine_check(const spd_program_options *options);

/* Becomes that user and group, for good, in all threads that exist. */
bool confine_user(const spd_program_options *options);

/* --sandbox: from now on system calls outside the list of these doors (canonical URIs, ended by
 * NULL) fail with EPERM. The log names the first refusal of each call; none kills. */
bool confine_calls(const spd_program_options *options, const char *const *uris);

#endif
