/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A client of a unit on a pipe. */

#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include <winspd/winspd.h>

#include "../../windows/child.h"
#include "../../windows/suite.h"
#include "said.h"

enum { CLIENT_DATA_MAX = 65536 + 4096 };

struct message {
    union {
        SPD_IOCTL_TRANSACT_REQ request;
        SPD_IOCTL_TRANSACT_RSP response;
    };
    UCHAR data[CLIENT_DATA_MAX];
};

/* Connects, waiting for a server that is busy or not there yet, and takes its greeting. */
HANDLE client_open(PCWSTR name, SPD_STORAGE_UNIT_PARAMS *params);
bool client_send(HANDLE pipe, const struct message *message, DWORD data_length);
/* The length of the data, -1: the server has hung up. */
int client_receive(HANDLE pipe, struct message *message);
/* Both; the SCSI status, -1 after a hang-up. */
int client_call(HANDLE pipe, struct message *message, DWORD data_length);

void client_transfer(
    struct message *message, UINT64 hint, UINT8 kind, UINT64 address, UINT32 count);

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

/* Suites of winspd-tests, and what each does before its first test. */
extern const struct test dispatch_tests[], log_tests[], pipe_tests[], spd_tests[],
    transport_tests[], unit_tests[], uri_tests[];
void dispatch_begin(void);
void pipe_begin(void);
void spd_begin(void);
void transport_begin(void);
void unit_begin(void);
/* Part of a test, in another process. Returns its exit status, CHILD_UNKNOWN: it has no such. */
int dll_child(const char *child);

#endif
