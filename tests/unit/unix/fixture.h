/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A small unit in memory behind a unix: door, and clients of it. */

#ifndef TESTS_UNIT_UNIX_FIXTURE_H
#define TESTS_UNIT_UNIX_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../work.h"
#include "transact/message.h"
#include "spd/spd.h"

enum {
    BLOCKS = 1024,
    BLOCK = 512,
    TRANSFER = 65536,
    GATE_LBA = 1000,  /* a read here waits until the gate opens */
    ERROR_LBA = 1001, /* a read or an unmap here is a medium error */
    RECOVERED_LBA = 1002, /* a read here is done, and a recovered error */
    ALL = SPD_CACHE | SPD_UNMAP_SUPPORTED,
};

/* Flags with which commands run on the door's own thread, and on dispatcher threads. */
extern const uint32_t kinds[2];

extern struct fixture {
    spd_unit *unit;
    char long_folder[WORK_PATH_MAX];
    char folder[WORK_SHORT_MAX]; /* the same, by another name */
    int folder_fd;
    char path[96];
    char uri[112];
    uint8_t memory[BLOCKS * BLOCK];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    unsigned waiting;      /* reads at the gate */
    unsigned flushes;      /* by the door's clients: not the final one */
    uint64_t flush_lba;
    uint32_t flush_blocks;
    unsigned unmap_calls;
    uint32_t write_flags;  /* of the last write */
} fixture;

/* The client that a test has unless it says otherwise; -1: none. */
extern int client;

/* A unit with these flags, not started. */
void fixture_open(uint32_t flags);
void fixture_start(uint32_t flags);
/* Starts one, and client has read its greeting. */
void begin(uint32_t flags);
/* Closes the client and the unit, those that are there. */
void end(void);
int fixture_teardown(void **state);
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)

void fixture_open_gate(void);
void fixture_await_gate(unsigned waiting);

/* A connected socket, greeting not yet read. */
int client_connect(const char *path);
int client_greeted(struct transact_params *params); /* params may be NULL */

void client_send_bytes(int fd, const void *bytes, size_t length);
/* Sends header and payload; data for a write, ranges for an unmap. */
void client_send(int fd, const struct transact_request *request, const void *payload);
/* False: end of stream. */
bool client_receive_bytes(int fd, void *bytes, size_t length);
/* The next response; the data of a read that is GOOD goes to data (BLOCK * blocks bytes). */
struct transact_response client_receive(int fd, const struct transact_request *request,
    uint8_t *data);
/* Both. */
struct transact_status client_do(int fd, uint8_t kind, uint64_t lba, uint32_t blocks,
    uint8_t *data);
/* The door has closed it; now it is closed here too. */
void assert_closed(int fd);
void assert_check(struct transact_status status, uint8_t key, uint8_t asc, uint8_t ascq);
#define assert_good(status) assert_int_equal((status).scsi_status, 0)

#endif
