/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A disk in memory behind an iSCSI door, and an initiator that says exactly what a test tells it
 * to. Whatever cannot happen in a working test (a socket error, no answer for ten seconds) fails
 * the test on the spot.
 */

#ifndef TEST_ISCSI_CLIENT_H
#define TEST_ISCSI_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doors/iscsi/limits.h"
#include "doors/iscsi/pdu.h"
#include "scsi/be.h"
#include "spd/spd.h"

#define TARGET "iqn.2026-01.org.example:test"
#define INITIATOR "iqn.2026-01.org.example:initiator"
#define NAMES "InitiatorName=" INITIATOR "\nTargetName=" TARGET "\n"

enum {
    BLOCK = 512,
    BLOCKS = 8192,
    QUEUE_DEPTH = 8,
};

struct disk {
    spd_unit *unit;
    uint8_t *memory;
    spd_status status; /* what reads end with */
    bool hold; /* requests of the device are kept until disk_release() */
    uint32_t door; /* that clients come to */
    atomic_uintptr_t thread; /* on which it was last read, unless it is held */
};

/* uri: after "iscsi://"; NULL: a loopback address and a free port. query: "" or "?...". */
void disk_open(struct disk *disk, const char *authority, const char *query);
/* The same with a device that answers only on the test's command. */
void disk_open_held(struct disk *disk);
/* Another disk: the whole name of its door, and whether its device waits for the test's command. */
void disk_open_at(struct disk *disk, const char *name, bool hold);
/* The name of a door at the same address as the disk's: TARGET "/1", perhaps with a query. */
void disk_name_beside(char name[512], const struct disk *disk, const char *path);
/* The same, or not (hold), with a second door. */
void disk_open_doors(struct disk *disk, const char *query, const char *second, bool hold);
void disk_close(struct disk *disk);
/* Waits until the device holds `count` requests. */
void disk_wait_held(struct disk *disk, unsigned count);
/* How many of those the device has been told to have been aborted. */
unsigned disk_aborted(void);
void disk_wait_aborted(struct disk *disk, unsigned count);
/* Completes all that the disk's device holds, from another thread. */
void disk_release(struct disk *disk);

struct client {
    int fd;
    uint32_t cmd_sn;
    uint32_t itt;
    uint8_t isid[6];
    uint16_t tsih;
    uint16_t cid;
    uint8_t lun; /* of commands and task management */
    bool header_digest;
    bool data_digest;
    bool spoil_header; /* the next PDU's digest is wrong */
    bool spoil_data;

    /* The last PDU received. */
    uint8_t bhs[ISCSI_BHS];
    uint8_t data[ISCSI_RECEIVE_MAX];
    uint32_t length;
};

/* Whether the system has an IPv6 loopback; some containers have none. */
bool client_has_ipv6(void);
void client_connect(struct client *c, const struct disk *disk);
/* From 127.0.0.HOST, which is another peer for each number. */
void client_connect_from(struct client *c, const struct disk *disk, uint8_t host);
void client_close(struct client *c);
void client_send_bytes(struct client *c, const void *bytes, size_t length);
void client_send(struct client *c, const uint8_t *bhs, const void *data, uint32_t length);
/* False when the target has closed the connection. */
bool client_receive(struct client *c);
/* Receives a PDU of this opcode, or fails. */
void client_expect(struct client *c, enum iscsi_opcode opcode);
/* The target says no more, and closes the connection. Earlier lines are skipped. */
void client_expect_closed(struct client *c);

/* A login request; text has its pairs separated by newlines. */
void client_send_login(struct client *c, uint8_t flags, const char *text);
/* The same and its answer; the status. */
int client_login_step(struct client *c, uint8_t flags, const char *text);
/* The value of a key of the last PDU, NULL when it is not there. */
const char *client_value(const struct client *c, const char *key);
/* connect and login without authentication; extra: more keys. */
void client_login(struct client *c, const struct disk *disk, const char *extra);
/* The same as another initiator port; client_login() is port 0 of host 1. */
void client_login_port(struct client *c, const struct disk *disk, uint8_t port, const char *extra);
void client_login_discovery(struct client *c, const struct disk *disk);

/* A header with the next task tag; non-immediate ones take the next CmdSN. */
void client_header(struct client *c, uint8_t *bhs, uint8_t opcode, uint8_t flags);
void client_command(struct client *c, uint8_t *bhs, uint8_t flags, uint32_t expected,
    const uint8_t *cdb, size_t cdb_length);
/* READ(10) and WRITE(10) of a number of blocks; the header alone. */
void client_read10(struct client *c, uint8_t *bhs, uint32_t lba, uint16_t blocks);
void client_write10(struct client *c, uint8_t *bhs, uint32_t lba, uint16_t blocks);
/* The same, to the end; the status. */
int client_read(struct client *c, uint32_t lba, uint16_t blocks, void *data);
int client_write(struct client *c, uint32_t lba, uint16_t blocks, const void *data);
/* Sends a Data-Out. */
void client_data_out(struct client *c, uint32_t itt, uint32_t ttt, uint32_t data_sn,
    uint32_t offset, const void *data, uint32_t length, bool final);
/* Expects an answer and takes its data; returns the status. */
int client_status(struct client *c, uint32_t itt);
/* Takes the unit attention that a new nexus begins with. */
void client_settle(struct client *c);
/* Another initiator port than client_login()'s, settled. */
void client_login_other(struct client *c, const struct disk *disk);
/* A NOP-Out; opcode: immediate or not. */
void client_nop_out(struct client *c, uint8_t opcode, const void *data, uint32_t length);
/* A NOP-Out and its answer: whatever was asked before this is answered before this. */
void client_ping(struct client *c);
/* Expects the target's ping and answers it. */
void client_answer_ping(struct client *c);
/* A READ of one block; its tag. */
uint32_t client_start_read(struct client *c);
/* A WRITE of one block that waits for its data; its tag and the tag to send the data with. */
uint32_t client_start_write(struct client *c, uint8_t attribute, uint32_t *ttt);
/* A WRITE of one block with its data; its tag. */
uint32_t client_give_write(struct client *c);
/* TEST UNIT READY does not pass the gate, so nothing but the door puts it in order. */
uint32_t client_start_test(struct client *c, uint8_t attribute);
/* Additional sense code and qualifier of the next command, 0 when it succeeds. */
int client_sense(struct client *c);

#endif
