/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Tasks of one unit on several threads; the thread sanitizer watches. */

#include <pthread.h>
#include <stdatomic.h>

#include "reserve.h"

enum { THREADS = 4, ROUNDS = 2000 };

struct shared {
    struct scsi_unit unit;
    struct scsi_nexus nexus[2];
    pthread_barrier_t barrier;
    atomic_uint reported; /* unit attentions, by all threads */
    atomic_bool stop;
    unsigned wrong; /* statuses that should not have been */
    pthread_rwlock_t gate;
    bool reserved; /* within the gate: another nexus has no business here */
};

static int open_shared(void **state)
{
    struct shared *shared = calloc(1, sizeof *shared);
    struct scsi_unit_params params = disk_params();

    if (!shared)
        return -1;
    scsi_unit_init(&shared->unit, &params);
    scsi_nexus_init(&shared->nexus[0], &shared->unit, NULL);
    scsi_nexus_init(&shared->nexus[1], &shared->unit, NULL);
    pthread_barrier_init(&shared->barrier, NULL, THREADS + 1);
    pthread_rwlock_init(&shared->gate, NULL);
    *state = shared;
    return 0;
}

static int close_shared(void **state)
{
    struct shared *shared = *state;

    pthread_rwlock_destroy(&shared->gate);
    pthread_barrier_destroy(&shared->barrier);
    free(shared);
    return 0;
}

/* A command that needs neither data nor scratch, every operation of which succeeds. */
static uint8_t simple(struct shared *shared, unsigned n, const uint8_t *cdb, uint64_t expected)
{
    struct scsi_task task = { .unit = &shared->unit, .nexus = &shared->nexus[n], .cdb_length = 16,
        .expected_direction = expected ? SCSI_DATA_IN : SCSI_NO_DATA, .expected_length = expected };
    enum scsi_step step;

    memcpy(task.cdb, cdb, 16);
    for (step = scsi_begin(&task); step != SCSI_DONE;)
        step = scsi_resume(&task, NULL);
    return task.status;
}

static void *ask_each_round(void *argument)
{
    struct shared *shared = argument;

    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&shared->barrier);
        if (simple(shared, 0, CDB(0x00), 0) == SCSI_CHECK_CONDITION)
            atomic_fetch_add(&shared->reported, 1);
        pthread_barrier_wait(&shared->barrier);
    }
    return NULL;
}

static void one_of_several_threads_reports_an_attention(void **state)
{
    struct shared *shared = *state;
    pthread_t threads[THREADS];

    simple(shared, 0, CDB(0x00), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, ask_each_round, shared);
    for (unsigned round = 0; round < ROUNDS; round++) {
        scsi_unit_attention(&shared->unit, SCSI_UA_CLEARED, NULL);
        pthread_barrier_wait(&shared->barrier);
        pthread_barrier_wait(&shared->barrier);
        if (atomic_exchange(&shared->reported, 0) != 1)
            shared->wrong++;
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared->wrong, 0);
}

static void *toggle_d_sense(void *argument)
{
    struct shared *shared = argument;
    uint8_t *scratch = aligned_alloc(16, SCSI_SCRATCH_LENGTH);

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t list[4 + 12] = { 0, 0, 0, 0, 0x0a, 0x0a, round & 1 ? 0 : 0x04, 0x10 };
        struct scsi_vec vec = { list, sizeof list };
        struct scsi_task task = { .unit = &shared->unit, .nexus = &shared->nexus[0],
            .cdb = { 0x15, 0x10, 0, 0, sizeof list }, .cdb_length = 16,
            .expected_direction = SCSI_DATA_OUT, .expected_length = sizeof list, .data = &vec,
            .data_count = 1, .scratch = scratch };
        enum scsi_step step;

        for (step = scsi_begin(&task); step != SCSI_DONE;)
            step = scsi_resume(&task, NULL);
        if (task.status != SCSI_GOOD)
            shared->wrong++;
    }
    free(scratch);
    atomic_store(&shared->stop, true);
    return NULL;
}

static void *count_attentions(void *argument)
{
    struct shared *shared = argument;

    while (!atomic_load(&shared->stop))
        if (simple(shared, 1, CDB(0x00), 0) == SCSI_CHECK_CONDITION)
            atomic_fetch_add(&shared->reported, 1);
    return NULL;
}

static void mode_changes_never_strike_the_nexus_that_makes_them(void **state)
{
    struct shared *shared = *state;
    pthread_t changer, other;
    unsigned struck = 0;

    simple(shared, 0, CDB(0x00), 0);
    simple(shared, 1, CDB(0x00), 0);
    pthread_create(&changer, NULL, toggle_d_sense, shared);
    pthread_create(&other, NULL, count_attentions, shared);
    while (!atomic_load(&shared->stop))
        if (simple(shared, 0, CDB(0x00), 0) != SCSI_GOOD)
            struck++;
    pthread_join(changer, NULL);
    pthread_join(other, NULL);
    if (simple(shared, 1, CDB(0x00), 0) == SCSI_CHECK_CONDITION)
        atomic_fetch_add(&shared->reported, 1);
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(struck, 0);
    assert_in_range(atomic_load(&shared->reported), 1, ROUNDS);
    assert_int_equal(simple(shared, 1, CDB(0x00), 0), SCSI_GOOD);
}

static void *resize(void *argument)
{
    struct shared *shared = argument;

    for (unsigned round = 0; round < ROUNDS; round++)
        scsi_unit_resize(&shared->unit, round & 1 ? 16384 : 100);
    atomic_store(&shared->stop, true);
    return NULL;
}

static void reads_run_while_the_capacity_changes(void **state)
{
    struct shared *shared = *state;
    pthread_t resizer;

    pthread_create(&resizer, NULL, resize, shared);
    while (!atomic_load(&shared->stop)) {
        if (simple(shared, 0, CDB(0x28, 0, B32(50), 0, B16(8)), 4096) == SCSI_BUSY)
            shared->wrong++;
        simple(shared, 1, CDB(0x28, 0, B32(5000), 0, B16(8)), 4096);
    }
    pthread_join(resizer, NULL);
    simple(shared, 0, CDB(0x00), 0); /* power on */
    simple(shared, 0, CDB(0x00), 0); /* capacity */
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(simple(shared, 0, CDB(0x28, 0, B32(5000), 0, B16(8)), 4096), SCSI_GOOD);
}

/* A READ of nexus 1, with the gate that an exclusive task has to itself. */
static void read_through_the_gate(struct shared *shared)
{
    struct scsi_task task = { .unit = &shared->unit, .nexus = &shared->nexus[1],
        .cdb = { 0x28, [8] = 1 }, .cdb_length = 10, .expected_direction = SCSI_DATA_IN,
        .expected_length = 512 };
    struct scsi_outcome outcome;
    bool admitted;

    if (scsi_begin(&task) == SCSI_DONE)
        return;
    pthread_rwlock_rdlock(&shared->gate);
    admitted = scsi_admit(&task, &outcome);
    if (admitted && shared->reserved)
        atomic_fetch_add(&shared->reported, 1);
    scsi_resume(&task, admitted ? NULL : &outcome);
    pthread_rwlock_unlock(&shared->gate);
}

static void *read_on(void *argument)
{
    struct shared *shared = argument;

    while (!atomic_load(&shared->stop))
        read_through_the_gate(shared);
    return NULL;
}

static void change(struct shared *shared, uint8_t action, uint64_t key, uint64_t action_key)
{
    uint8_t list[24] = { B64(key), B64(action_key) };
    struct scsi_vec vec = { list, sizeof list };
    struct scsi_task task = { .unit = &shared->unit, .nexus = &shared->nexus[0],
        .cdb = { 0x5f, action, EA, [8] = sizeof list }, .cdb_length = 10,
        .expected_direction = SCSI_DATA_OUT, .expected_length = sizeof list, .data = &vec,
        .data_count = 1 };
    struct scsi_outcome outcome;
    bool good = scsi_begin(&task) == SCSI_DATA && scsi_resume(&task, NULL) == SCSI_ENTER;

    pthread_rwlock_wrlock(&shared->gate);
    good = good && scsi_admit(&task, &outcome) && scsi_resume(&task, NULL) == SCSI_DONE;
    shared->reserved = action == RESERVE;
    pthread_rwlock_unlock(&shared->gate);
    if (!good || task.status != SCSI_GOOD)
        shared->wrong++;
}

static void nothing_passes_the_gate_that_a_reservation_stops(void **state)
{
    struct shared *shared = *state;
    pthread_t threads[2];

    scsi_nexus_name(&shared->nexus[0], (const uint8_t *)"first", 5);
    scsi_nexus_name(&shared->nexus[1], (const uint8_t *)"other", 5);
    simple(shared, 0, CDB(0x00), 0);
    simple(shared, 1, CDB(0x00), 0);
    for (unsigned i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, read_on, shared);
    for (unsigned round = 0; round < ROUNDS; round++) {
        change(shared, REGISTER, 0, KEY(0));
        change(shared, RESERVE, KEY(0), 0);
        change(shared, round & 1 ? RELEASE : CLEAR, KEY(0), 0);
        if (round & 1)
            change(shared, REGISTER, KEY(0), 0);
    }
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(atomic_load(&shared->reported), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_several_threads_reports_an_attention, open_shared,
            close_shared),
        cmocka_unit_test_setup_teardown(mode_changes_never_strike_the_nexus_that_makes_them,
            open_shared, close_shared),
        cmocka_unit_test_setup_teardown(reads_run_while_the_capacity_changes, open_shared,
            close_shared),
        cmocka_unit_test_setup_teardown(nothing_passes_the_gate_that_a_reservation_stops,
            open_shared, close_shared),
    };

    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
