/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Another function in place of one that the DLL imports: the system's answers as a test wants
 * them. */

#ifndef HOOK_H
#define HOOK_H

/* Returns what was there before; NULL: the DLL does not import it. */
void *hook_set(const char *function, void *replacement);

#endif
