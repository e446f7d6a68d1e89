/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A small unit in memory behind an nbd+unix: door, and clients of it. */

#ifndef TESTS_UNIT_NBD_FIXTURE_H
#define TESTS_UNIT_NBD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../work.h"
#include "doors/nbd/protocol.h"
#include "spd/spd.h"

enum {
    BLOCKS = 1024,
    BLOCK = 512,
    SIZE = BLOCKS * BLOCK,
    ERROR_LBA = 1001, /* a read here is a medium error */
    ALL = SPD_CACHE | SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS,
    PLACES = 32,      /* clients at once */
    THREADS = 4,
};

/* Flags with which commands run on the door's own thread, and on dispatcher threads. */
extern const uint32_t kinds[2];

extern struct fixture {
    spd_unit *unit;
    char folder[WORK_PATH_MAX];
    char name[WORK_SHORT_MAX]; /* of the folder */
    char path[96];
    uint8_t memory[SIZE];
    atomic_uint writes, flushes, writes_at_flush;
    atomic_uint write_flags; /* the last write's */
    atomic_bool hold;        /* writes wait */
    atomic_uint waiting;
    atomic_uint_fast64_t unmapped; /* blocks */
} fixture;

void begin(uint32_t flags);
/* The memory has the first BLOCKS of so many blocks; only unmaps go beyond. other_door: the name of
 * a second door, or NULL. */
void begin_with(uint32_t flags, uint64_t blocks, const char *other_door);
int fixture_teardown(void **state);
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)

/* How a client speaks; a reply has the same fields in each. */
enum manner { SIMPLE, STRUCTURED, EXTENDED };

int client_socket(void);
void client_connect_to(int fd);
/* Both: a connected socket. */
int client_connect(void);
/* The same, after the greeting and the client's flags. */
int client_greeted(void);
/* The same, in the transmission phase, with base:allocation if the manner has it. */
int client_begin(enum manner manner);
/* The same, again and again while the door has no place. */
int client_begin_at_last(enum manner manner);

void client_send(int fd, const void *bytes, size_t length);
/* False: end of stream. */
bool client_receive(int fd, void *bytes, size_t length);
/* The server has closed it; now it is closed here, too. */
void assert_closed(int fd);

void client_option(int fd, uint32_t option, const void *data, size_t length);
/* The type of the next reply to an option, with its data. */
uint32_t client_answer(int fd, uint32_t option, uint8_t data[8192], uint32_t *length);
/* Skips information up to the end of the answer. */
uint32_t client_last_answer(int fd, uint32_t option);
/* The data of NBD_OPT_GO and NBD_OPT_INFO for a name, with no further wishes; its length. */
size_t go_data(uint8_t data[256], const char *name);

struct ask {
    uint16_t type, flags;
    uint64_t cookie, offset, length;
};
/* A write is followed by length bytes of data. */
void client_ask(int fd, enum manner manner, const struct ask *ask, const uint8_t *data);
struct reply {
    uint32_t error;
    uint16_t type;
    uint64_t cookie, offset;
    uint32_t length; /* of data, without the offset of a read */
    uint8_t data[65536];
};
/* read_length: what a simple reply without an error is followed by. */
void client_reply(int fd, enum manner manner, uint32_t read_length, struct reply *reply);
/* Both; the error. */
uint32_t client_do(int fd, enum manner manner, uint16_t type, uint16_t flags, uint64_t offset,
    uint64_t length);

#endif
