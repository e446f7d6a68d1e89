/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Instances that come again with the service: values of the key Instances of their class. A value
 * has the instance's name; its strings are the arguments and, last, the instance's descriptor.
 */

#ifndef LAUNCHER_PERSIST_H
#define LAUNCHER_PERSIST_H

#include "launcher/instance.h"

/* A failure is logged: the server runs, or has been stopped, all the same. */
void persist_store(const struct instance_start *start);
void persist_forget(const wchar_t *class_name, const wchar_t *instance_name);

/* Starts all that are stored. An instance that cannot start is logged, and stays stored. */
void persist_start_all(void);

#endif
