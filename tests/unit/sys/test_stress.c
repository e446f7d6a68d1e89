/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Many threads at once: initiators, servers, cancellers, resets, units that come and go. */

#include "rig.h"

#include <sched.h>
#include <stdio.h>

enum { SERVERS = 3, INITIATORS = 3, COMMANDS = 4000, LIMIT = 2048 };

static struct rig_program program;
static _Atomic bool ending;
static _Atomic unsigned served, good, aborted, other;

/* Asks and answers until there is no unit any more, and begins again. A read is answered by its
 * own address, so that an initiator sees whose answer it got. */
static void *serve(void *argument)
{
    struct rig_transact *t = calloc(1, sizeof *t);

    (void)argument;
    while (!ending) {
        rig_ask(&program, t, 0, LIMIT);
        if (rig_end(t) != STATUS_SUCCESS)
            continue;
        rig_fill_answer(t, 0);
        if (t->in.block.Dir.Rsp.Kind == SpdIoctlTransactReadKind)
            rig_pattern(RIG_IN_DATA(t), RIG_REQ(t)->Op.Read.BlockAddress,
                RIG_REQ(t)->Op.Read.BlockCount);
        rig_answer(&program, t, 0, LIMIT);
        rig_end(t);
        served++;
    }
    free(t);
    return NULL;
}

/* cmocka's own assertions are for the thread that runs the test. */
static void check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "# %s\n", what);
    abort();
}

static void count(const struct shim_srb *box, const UCHAR *data, UCHAR first)
{
    if (box->srb.SrbStatus == SRB_STATUS_SUCCESS) {
        if (box->srb.SrbFlags & SRB_FLAGS_DATA_IN)
            check(data[0] == first, "a read got the answer to another");
        good++;
    } else if (box->srb.SrbStatus == SRB_STATUS_ABORTED) {
        aborted++;
    } else {
        other++;
    }
}

static void *initiate(void *argument)
{
    UCHAR *data = malloc(8 * RIG_BLOCK);

    for (unsigned i = 0; i < COMMANDS; i++) {
        uint64_t lba = (i * 7 + (uintptr_t)argument) % 8;
        struct shim_srb box;

        if (i % 16 == 15)
            rig_flush(&box, 0, 0, 0);
        else if (i % 3)
            rig_read(&box, 0, lba, 1 + i % 8, data);
        else
            rig_write(&box, 0, lba, 1 + i % 8, data);
        if (i % 64 == 5) {
            box.srb.SrbFlags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
            box.srb.QueueAction = SRB_ORDERED_QUEUE_TAG_REQUEST;
        }
        shim_srb_send(&box);
        shim_srb_wait(&box);
        shim_srb_free(&box);
        if (box.srb.SrbStatus == SRB_STATUS_NO_DEVICE) {
            sched_yield(); /* the unit is gone for a moment */
            i--;
            continue;
        }
        count(&box, data, (UCHAR)(lba + 1));
    }
    free(data);
    return NULL;
}

static void provision(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, LIMIT);
    UINT32 btl;

    params.CacheSupported = 1;
    check(rig_provision(&program, &params, &btl) == STATUS_SUCCESS, "it cannot provision");
}

/* Everything that may go wrong, again and again. */
static void *disturb(void *argument)
{
    struct rig_transact *t = calloc(1, sizeof *t);
    static UCHAR data[RIG_BLOCK];

    (void)argument;
    for (unsigned i = 0; !ending; i++) {
        struct shim_srb box, abort_srb;

        switch (i % 8) {
        case 0:
            if (i & 8) {
                shim.entries.HwResetBus(shim.adapter, 0);
                break;
            }
            shim_srb_init(&box, SRB_FUNCTION_RESET_BUS, 0);
            shim_srb_send(&box);
            shim_srb_wait(&box);
            shim_srb_free(&box);
            break;
        case 1:
            check(rig_unprovision(&program, 0) == STATUS_SUCCESS, "it cannot unprovision");
            provision();
            break;
        case 2:
            rig_read(&box, 0, 0, 1, data);
            shim_srb_send(&box);
            shim_srb_init(&abort_srb, SRB_FUNCTION_ABORT_COMMAND, 0);
            abort_srb.srb.NextSrb = &box.srb;
            shim_srb_send(&abort_srb);
            shim_srb_wait(&abort_srb);
            check(abort_srb.srb.SrbStatus != SRB_STATUS_SUCCESS || box.done,
                "an abort ends before its request");
            shim_srb_free(&abort_srb);
            shim_srb_wait(&box);
            shim_srb_free(&box);
            break;
        case 3:
            shim_seconds(1);
            break;
        default:
            rig_ask(&program, t, 0, LIMIT);
            shim_ioctl_cancel(t->irp);
            if (rig_end(t) == STATUS_SUCCESS) {
                rig_fill_answer(t, 2);
                rig_answer(&program, t, 0, LIMIT);
                rig_end(t);
            }
        }
    }
    free(t);
    return NULL;
}

static void test_everything_at_once(void **state)
{
    pthread_t servers[SERVERS], initiators[INITIATORS], disturber;

    rig_setup(state);
    rig_start(&program, 100);
    provision();
    for (unsigned i = 0; i < SERVERS; i++)
        pthread_create(&servers[i], NULL, serve, NULL);
    pthread_create(&disturber, NULL, disturb, NULL);
    for (uintptr_t i = 0; i < INITIATORS; i++)
        pthread_create(&initiators[i], NULL, initiate, (void *)i);
    for (unsigned i = 0; i < INITIATORS; i++)
        pthread_join(initiators[i], NULL);
    ending = true;
    pthread_join(disturber, NULL);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    for (unsigned i = 0; i < SERVERS; i++)
        pthread_join(servers[i], NULL);
    rig_exit(&program);
    rig_teardown(state);
    print_message("# %u served, %u good, %u aborted, %u other\n", served, good, aborted, other);
    assert_true(good > 0);
    assert_int_equal(good + aborted + other, INITIATORS * COMMANDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
