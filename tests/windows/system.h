/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Facts of the system for the tests: what can run on it, and why not. */

#ifndef WINDOWS_SYSTEM_H
#define WINDOWS_SYSTEM_H

#include <stdbool.h>
#include <windows.h>

#include "suite.h"

struct system {
    bool elevated;
    bool secure_boot;
    bool test_signing;
    bool memory_integrity; /* drivers are checked by the hypervisor */
    bool service;        /* the driver's, in the registry */
    bool device;         /* root\winspd */
    DWORD problem;       /* the device manager's code of it; 0: none */
    DWORD adapter_error; /* of opening it; 0: it can be opened */
    bool has_double;     /* it is the StorPort double's */
    DWORD units;         /* of other programs; only what is running now counts */
    bool launcher;       /* its service */
    bool launcher_knows; /* who its clients are, and how to send CTRL_BREAK */
};

void system_look(struct system *system);
/* Prints a fact a line, "name: value", to standard output. */
void system_print(const struct system *system);
/* Whether the driver can be tested; otherwise says what is wrong, and what to do. */
bool system_is_ready(const struct system *system);
/* Why a test with these needs cannot run here; NULL: it can. */
const char *system_refuses(const struct system *system, unsigned needs);

#endif
