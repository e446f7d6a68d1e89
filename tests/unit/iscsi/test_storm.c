/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Everything at once on two loops: four sessions, each with a thread that writes a number to its
 * own block and reads it back. The first session resets the unit now and then, the second aborts
 * its reads. The third breaks its connection while a write runs, and the fourth has a block that
 * cannot be read. Then the unit is shut down in the middle. A block must have the number that was
 * last written there, or a later one whose write a reset or a broken connection has ended.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "fixture.h"

enum {
    SESSIONS = 4,
    ROUNDS = 60,
    BAD = 100, /* the block that cannot be read */
    LOST = -1, /* the command's answer will not come: somebody aborted it */
    CLOSED = -2,
    TEST_READY = 0x00,
    READ_10 = 0x28,
    WRITE_10 = 0x2a,
};

static _Atomic uint64_t cells[BLOCKS]; /* a block is its first eight bytes */
static spd_unit *unit;
static struct disk address; /* for clients: its unit alone */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool ending; /* the unit is being shut down: connections close */
    unsigned ready; /* sessions that have done their rounds */
} all = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static int storm_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    uint8_t *at = buffer;

    (void)device, (void)flags;
    memset(buffer, 0, (size_t)blocks * BLOCK);
    for (uint32_t i = 0; i < blocks; i++) {
        uint64_t number = atomic_load(&cells[lba + i]);

        if (lba + i == BAD)
            spd_status_set(status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, NULL);
        memcpy(at + (size_t)i * BLOCK, &number, sizeof number);
    }
    return 0;
}

static int storm_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    const uint8_t *at = buffer;

    (void)device, (void)flags, (void)status;
    for (uint32_t i = 0; i < blocks; i++) {
        uint64_t number;

        memcpy(&number, at + (size_t)i * BLOCK, sizeof number);
        atomic_store(&cells[lba + i], number);
    }
    return 0;
}

/* A session, on a thread of its own. */
struct storm {
    struct client c;
    uint8_t port;
    uint64_t last;   /* the number that was written for sure, */
    uint64_t unsure; /* and the first one after it whose write may have been lost; 0: none */
    uint64_t number; /* the last one that was sent */
    uint64_t got;    /* that was read */
};

static bool is_ending(void)
{
    bool ending;

    pthread_mutex_lock(&all.lock);
    ending = all.ending;
    pthread_mutex_unlock(&all.lock);
    return ending;
}

static bool log_in(struct storm *s)
{
    client_connect(&s->c, &address);
    s->c.isid[5] = s->port;
    client_send_login(&s->c, 0x87, NAMES "SessionType=Normal\n");
    return client_receive(&s->c) && be16_get(s->c.bhs + LOGIN_STATUS) == LOGIN_SUCCESS;
}

static uint32_t start(struct storm *s, uint8_t opcode, uint32_t lba)
{
    static const uint8_t ready[6];
    uint8_t bhs[ISCSI_BHS], block[BLOCK] = { 0 };

    if (opcode == WRITE_10) {
        client_write10(&s->c, bhs, lba, 1);
        memcpy(block, &s->number, sizeof s->number);
        client_send(&s->c, bhs, block, BLOCK); /* the number comes with the command */
    } else if (opcode == READ_10) {
        client_read10(&s->c, bhs, lba, 1);
        client_send(&s->c, bhs, NULL, 0);
    } else {
        client_command(&s->c, bhs, ISCSI_FINAL, 0, ready, sizeof ready);
        client_send(&s->c, bhs, NULL, 0);
    }
    return s->c.itt;
}

/* The status in the PDU that has come; LOST: none is in it. */
static int status_of(struct storm *s)
{
    switch (s->c.bhs[0] & ISCSI_OPCODE_MASK) {
    case ISCSI_SCSI_RESPONSE:
        return s->c.bhs[BHS_STATUS];
    case ISCSI_DATA_IN:
        memcpy(&s->got, s->c.data, sizeof s->got);
        return s->c.bhs[BHS_FLAGS] & DATA_IN_STATUS ? s->c.bhs[BHS_STATUS] : LOST;
    default:
        return LOST;
    }
}

/* The status of a command. A reset by another session gives no answer to it, but a unit attention
 * to the next command: so TEST UNIT READY asks for that again and again. */
static int await(struct storm *s, uint32_t tag)
{
    int status = LOST;

    for (;;) {
        uint32_t probe = start(s, TEST_READY, 0);

        do {
            if (!client_receive(&s->c))
                return CLOSED;
            if (be32_get(s->c.bhs + BHS_ITT) == tag && status_of(s) != LOST)
                status = status_of(s);
        } while (be32_get(s->c.bhs + BHS_ITT) != probe || status_of(s) == LOST);
        if (status != LOST)
            return status;
        if (status_of(s) != 0)
            return LOST; /* the unit attention: earlier commands are gone */
    }
}

/* Whether the session goes on. */
static bool goes_on(int status)
{
    if (status == CLOSED)
        assert_true(is_ending());
    return status != CLOSED;
}

static void doubt(struct storm *s)
{
    if (!s->unsure)
        s->unsure = s->number;
}

static bool write_and_read(struct storm *s)
{
    int status;

    s->number++;
    status = await(s, start(s, WRITE_10, s->port));
    if (status == 0) {
        s->last = s->number;
        s->unsure = 0;
    } else {
        doubt(s);
    }
    if (!goes_on(status))
        return false;
    status = await(s, start(s, READ_10, s->port));
    if (status == 0)
        assert_true(s->got == s->last || (s->unsure && s->got >= s->unsure));
    return goes_on(status);
}

static bool manage(struct storm *s, uint8_t function, uint32_t tag)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(&s->c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    be32_put(bhs + TASK_REFERENCED_TAG, tag);
    client_send(&s->c, bhs, NULL, 0);
    do
        if (!client_receive(&s->c))
            return goes_on(CLOSED);
    while ((s->c.bhs[0] & ISCSI_OPCODE_MASK) != ISCSI_TASK_RESPONSE);
    return true;
}

static bool reset(struct storm *s)
{
    start(s, READ_10, s->port);
    return manage(s, TASK_LUN_RESET, 0) && goes_on(await(s, start(s, TEST_READY, 0)));
}

static bool abort_read(struct storm *s)
{
    return manage(s, TASK_ABORT, start(s, READ_10, s->port));
}

/* And the same initiator port comes again. */
static bool break_off(struct storm *s)
{
    bool began = false;

    s->number++;
    doubt(s);
    start(s, WRITE_10, s->port);
    client_close(&s->c);
    /* The listener answers nobody any more once the unit is shut down. */
    pthread_mutex_lock(&all.lock);
    if (!all.ending) {
        began = log_in(s);
        assert_true(began);
    }
    pthread_mutex_unlock(&all.lock);
    return began;
}

static bool read_bad(struct storm *s)
{
    int status = await(s, start(s, READ_10, BAD));

    assert_true(status != 0);
    return goes_on(status);
}

static void tell_ready(void)
{
    pthread_mutex_lock(&all.lock);
    all.ready++;
    pthread_cond_broadcast(&all.change);
    pthread_mutex_unlock(&all.lock);
}

static void *run(void *context)
{
    static bool (*const acts[SESSIONS])(struct storm *s) = {
        reset, abort_read, break_off, read_bad };
    struct storm *s = context;
    bool going = log_in(s) && goes_on(await(s, start(s, TEST_READY, 0)));

    assert_true(going);
    for (unsigned i = 0; going; i++) {
        going = write_and_read(s);
        if (going && i % 4 == s->port)
            going = acts[s->port](s);
        if (i == ROUNDS)
            tell_ready();
    }
    client_close(&s->c);
    return NULL;
}

static void sessions_on_two_loops_survive_each_other(void **state)
{
    static struct storm storms[SESSIONS];
    static const spd_ops ops = { .size = sizeof(spd_ops), .read = storm_read,
        .write = storm_write };
    spd_params params = SPD_PARAMS_INIT;
    pthread_t threads[SESSIONS];

    (void)state;
    params.block_count = BLOCKS;
    params.queue_depth = 16;
    assert_int_equal(0, spd_unit_create("iscsi://127.0.0.1:0/" TARGET "?threads=2", &params,
        &(spd_device){ &ops, NULL }, &unit));
    assert_int_equal(0, spd_unit_start(unit, 2));
    address.unit = unit;
    for (unsigned i = 0; i < SESSIONS; i++) {
        storms[i] = (struct storm){ .port = (uint8_t)i, .c = { .fd = -1 } };
        assert_int_equal(0, pthread_create(&threads[i], NULL, run, &storms[i]));
    }
    pthread_mutex_lock(&all.lock);
    while (all.ready < SESSIONS)
        pthread_cond_wait(&all.change, &all.lock);
    all.ending = true;
    pthread_mutex_unlock(&all.lock);
    spd_unit_shutdown(unit);
    for (unsigned i = 0; i < SESSIONS; i++)
        pthread_join(threads[i], NULL);
    spd_unit_delete(unit);
    for (unsigned i = 0; i < SESSIONS; i++)
        assert_true(storms[i].last > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_on_two_loops_survive_each_other),
    };

    return cmocka_run_group_tests_name("iscsi storm", tests, NULL, NULL);
}
