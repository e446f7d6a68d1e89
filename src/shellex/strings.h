/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The numbers of the texts in shellex.rc, which reads this file too. */

#ifndef SHELLEX_STRINGS_H
#define SHELLEX_STRINGS_H

#define TEXT_EJECT         100 /* the verb, and the title of its messages */
#define TEXT_EJECT_HELP    101 /* for a status line */
#define TEXT_MOUNT         102
#define TEXT_MOUNTING      103
#define TEXT_EJECTING      104
#define TEXT_STOPS_WAITING 105

/* Advice about an error; %s: the class of a file. */
#define HINT_NO_CLASS     200
#define HINT_NO_LAUNCHER  201
#define HINT_ACCESS       202
#define HINT_IN_USE       203
#define HINT_NOT_LAUNCHED 204
#define HINT_TIMEOUT      205
#define HINT_TOO_LONG     206
#define HINT_SERVER       207
#define HINT_NO_EXTENSION 208
#define HINT_LOCKED_LINK  209
#define HINT_GONE         210
#define HINT_NOT_YOURS    211

#endif
