/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A lean iSCSI initiator (RFC 7143) for measuring targets: one session, one connection, error
 * recovery level 0, no digests, no authentication. Commands are batched: what was submitted since
 * the last poll leaves in one send, and one receive may finish many commands.
 */

#ifndef BENCH_INITIATOR_H
#define BENCH_INITIATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    INITIATOR_DEPTH_MAX = 256,
    INITIATOR_BHS = 48,          /* basic header segment, RFC 7143 11.2.1 */
    INITIATOR_SEND_PDUS = 256,   /* PDUs in one send; twice that must fit in IOV_MAX */
    INITIATOR_RECEIVE = 1 << 20, /* bytes of one receive */
};

struct initiator_url {
    char host[128]; /* without the brackets of an IPv6 address */
    char port[8];
    char target[224];
    uint8_t lun;
};

/* A command. Its index in struct initiator is the initiator task tag. */
struct initiator_task {
    uint8_t cdb[16];
    bool write;
    uint32_t length; /* bytes that must move */
    uint8_t *data;   /* what to send, or where to put what arrives (NULL: drop it) */
    bool silent;     /* announces data and never sends it */
    bool ordered;    /* the attribute is ORDERED, not SIMPLE */

    uint8_t status; /* SAM-5 5.3.1 */
    uint8_t sense[18];
    uint32_t received; /* bytes of data-in */
    bool busy;
};

struct initiator {
    /* Called from initiator_poll() for each command that ended; it may submit others. */
    void (*done)(struct initiator *ini, uint32_t tag);
    void *context;
    struct initiator_task tasks[INITIATOR_DEPTH_MAX];
    char error[256]; /* why a function returned false */

    /* Negotiated. max_receive is ours, the others are the target's answers. */
    uint32_t max_receive, max_send, first_burst, max_burst;
    bool initial_r2t, immediate_data;

    int fd;
    uint8_t lun;
    uint16_t tsih;
    uint32_t cmd_sn, max_cmd_sn, exp_stat_sn;
    bool login_answered, login_final; /* what the last Login Response said */
    bool logged_out;
    char text[8192]; /* its keys */
    uint32_t text_length;

    uint32_t send_pdus, send_vecs;
    struct iovec send_vec[2 * INITIATOR_SEND_PDUS];
    uint8_t send_bhs[INITIATOR_SEND_PDUS][INITIATOR_BHS];

    uint32_t kept;      /* bytes of an incomplete header at the start of the receive buffer */
    uint32_t data_left; /* bytes of the present PDU's data segment that have not arrived */
    uint32_t data_pad;
    uint8_t *sink; /* where those go, as far as there is room */
    uint32_t sink_room;
    uint8_t bhs[INITIATOR_BHS];
    uint8_t scratch[32]; /* SenseLength and sense data */
    uint8_t *receive;
};

/* iscsi://HOST[:PORT]/IQN/LUN */
bool initiator_url_parse(const char *text, struct initiator_url *url);

/* Connects and logs in. ini is zero but for done and context. */
bool initiator_connect(struct initiator *ini, const struct initiator_url *url);

/* Whether the target's command window lets one more command in. */
bool initiator_window_open(const struct initiator *ini);

/* Queues tasks[tag], which the caller has filled in. */
bool initiator_submit(struct initiator *ini, uint32_t tag);

/* Sends what is queued, waits for something to arrive and handles it. */
bool initiator_poll(struct initiator *ini);

/* Logs out if it can, closes, frees. */
void initiator_close(struct initiator *ini);

/*
 * Between initiator.c and login.c.
 */

/* RFC 7143 11.1.1 */
enum {
    NOP_OUT = 0x00,
    SCSI_COMMAND = 0x01,
    LOGIN_REQUEST = 0x03,
    DATA_OUT = 0x05,
    LOGOUT_REQUEST = 0x06,
    NOP_IN = 0x20,
    SCSI_RESPONSE = 0x21,
    LOGIN_RESPONSE = 0x23,
    DATA_IN = 0x25,
    LOGOUT_RESPONSE = 0x26,
    R2T = 0x31,

    OPCODE_MASK = 0x3f,
    IMMEDIATE = 0x40,
    FINAL = 0x80,
    NO_TAG = 0xffffffff,
};

/* Says why in ini->error; returns false. */
bool initiator_fail(struct initiator *ini, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A zeroed header with ExpStatSN, to be filled in and then queued. NULL when sending failed. */
uint8_t *initiator_new_pdu(struct initiator *ini, uint8_t opcode);

/* data is readable up to the next multiple of 4, which is the padding. */
void initiator_queue_pdu(struct initiator *ini, uint8_t *bhs, const void *data, uint32_t length);

static inline void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static inline void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)(v >> 32));
    put32(p + 4, (uint32_t)v);
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

#endif
