/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A client of a unit on a pipe, and the program's own little TAP. */

#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include <winspd/winspd.h>

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

/* Prints "not ok" with what was wrong, and remembers it. */
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
void check(bool ok, const char *text, const char *file, int line);
/* Runs one test. */
void run(const char *name, void (*test)(void));
int finished(void);

/* main.c calls these. */
void test_dispatch(void);
void test_log(void);
void test_pipe(void);
void test_spd(void);
void test_transport(void);
void test_unit(void);
void test_uri(void);

#endif
