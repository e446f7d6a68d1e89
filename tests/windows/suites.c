/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The tables of all tests. Their headers do not go together, so what is needed of them is here. */

#include "suites.h"

#include <stddef.h>

extern const struct test ioctl_tests[], transact_tests[], batch_tests[], process_tests[],
    scsi_tests[], error_tests[], reset_tests[], disk_tests[], large_tests[], double_tests[],
    exchange_tests[], timeout_tests[], load_tests[], volume_tests[], power_tests[], self_tests[],
    api_call_tests[],
    api_unit_tests[], api_thread_tests[], api_leader_tests[], unit_tests[], dispatch_tests[],
    log_tests[], pipe_tests[], transport_tests[], spd_tests[], uri_tests[],
    launched_protocol_tests[], launched_classes_tests[], launched_lives_tests[],
    launched_clients_tests[], launched_disks_tests[], launched_rights_tests[],
    launched_users_tests[];

void driver_begin(void);
void driver_before(void);
void api_begin(void);
void api_before(void);
void unit_begin(void);
void dispatch_begin(void);
void pipe_begin(void);
void transport_begin(void);
void spd_begin(void);
void launched_before(void);
void launched_after(void);

int process_child(const char *child, const char *argument);
int api_child(const char *child);
int dll_child(const char *child);
int launcher_child(const char *child, const char *argument);

#define DRIVER 1, driver_begin, driver_before
#define API 1, api_begin, api_before
#define LAUNCHER NULL, launched_before, launched_after, NEEDS_LAUNCHER

const struct suite suites[] = {
    { "ioctl", ioctl_tests, DRIVER },
    { "ioctl", transact_tests, DRIVER },
    { "ioctl", batch_tests, DRIVER },
    { "ioctl", process_tests, DRIVER },
    { "scsi", scsi_tests, DRIVER },
    { "scsi", error_tests, DRIVER },
    { "scsi", reset_tests, DRIVER },
    { "disk", disk_tests, DRIVER },
    { "disk", large_tests, DRIVER },
    { "timeout", timeout_tests, DRIVER },
    { "servers", load_tests, DRIVER },
    { "volumes", volume_tests, DRIVER },
    { "power", power_tests, DRIVER },
    { "driver", exchange_tests, DRIVER },
    { "driver", double_tests, DRIVER },
    { "api", api_call_tests, API },
    { "api", api_unit_tests, API },
    { "api", api_thread_tests, API },
    { "api", api_leader_tests, API },
    { "dll", unit_tests, 0, unit_begin, NULL },
    { "dll", dispatch_tests, 0, dispatch_begin, NULL },
    { "dll", log_tests, 0, NULL, NULL },
    { "dll", pipe_tests, 0, pipe_begin, NULL },
    { "dll", transport_tests, 0, transport_begin, NULL },
    { "dll", spd_tests, 0, spd_begin, NULL },
    { "dll", uri_tests, 0, NULL, NULL },
    { "launcher", launched_protocol_tests, 0, LAUNCHER },
    { "launcher", launched_classes_tests, 0, LAUNCHER },
    { "launcher", launched_lives_tests, 0, LAUNCHER },
    { "launcher", launched_clients_tests, 0, LAUNCHER },
    { "launcher", launched_disks_tests, 1, LAUNCHER },
    { "rights", launched_rights_tests, 0, LAUNCHER | NEEDS_RIGHTS },
    { "rights", launched_users_tests, 1, LAUNCHER | NEEDS_RIGHTS },
    { "self", self_tests, 0, NULL, NULL },
    { 0 }
};

static int api_part(const char *child, const char *argument)
{
    (void)argument;
    return api_child(child);
}

static int dll_part(const char *child, const char *argument)
{
    (void)argument;
    return dll_child(child);
}

int (*const child_parts[])(const char *, const char *) = {
    process_child, api_part, dll_part, launcher_child, NULL };
