/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The command line of a server, made of a class's template and a client's arguments. An argument
 * arrives in the program's argv unchanged, with any characters: it is quoted by the rules by which
 * the C run time takes command lines apart.
 *
 * Pure functions without a Windows header.
 */

#ifndef LAUNCH_COMMAND_LINE_H
#define LAUNCH_COMMAND_LINE_H

#include "launch/protocol.h"

enum {
    LAUNCH_TEMPLATE_MAX = 512,       /* characters of `%0 `, a CommandLine and a NUL */
    LAUNCH_COMMAND_LINE_MAX = 32767, /* characters with the NUL: CreateProcess() takes no more */
};

/*
 * Replaces in the template %0 by the executable and %1 to %9 by arguments, quoted; a missing
 * argument is "". % and another character is that character, and % at the end is itself.
 * Within quotes of the template an argument gets no others, and is joined with adjacent characters.
 *
 * Returns the length without the NUL; 0 when the result is longer than LAUNCH_COMMAND_LINE_MAX.
 */
size_t launch_command_line(const char16_t *template, const char16_t *executable, size_t count,
    const char16_t *const *arguments, char16_t line[LAUNCH_COMMAND_LINE_MAX]);

#endif
