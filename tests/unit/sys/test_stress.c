/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Many threads at once: initiators and servers of two units, cancellers, resets, units that come
 * and go, a program that crashes and takes its units over again, time that passes.
 */

#include "rig.h"

#include "ioq/batch.h"

#include <sched.h>
#include <stdio.h>

enum { UNITS = 2, SERVERS = 4, INITIATORS = 3, LIMIT = 2048, TIMEOUT = 1, GRACE = 3600 };

static struct rig_program bystander;
static _Atomic bool ending, crashing;
static _Atomic unsigned served, good, aborted, late, other, crashes;
/* Held by a server while it is in the kernel: a process ends when its threads have. */
static pthread_rwlock_t alive = PTHREAD_RWLOCK_INITIALIZER;

/* The call in which a server waits, so that a crash can cancel it. */
static struct server {
    pthread_mutex_t lock;
    PIRP waiting;
    unsigned unit;
} servers[SERVERS];

/* cmocka's own assertions are for the thread that runs the test. */
static void check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "# %s\n", what);
    abort();
}

static void set_waiting(struct server *server, PIRP irp)
{
    pthread_mutex_lock(&server->lock);
    server->waiting = irp;
    if (irp && crashing)
        shim_ioctl_cancel(irp);
    pthread_mutex_unlock(&server->lock);
}

/* A read is answered by its own address, so that an initiator sees whose answer it got. */
static void serve_one(struct server *server, struct rig_transact *t)
{
    UINT32 btl = SPD_IOCTL_BTL(0, server->unit, 0);

    rig_ask(&program, t, btl, LIMIT);
    set_waiting(server, t->irp);
    shim_ioctl_wait(t->irp);
    set_waiting(server, NULL);
    if (rig_end(t) != STATUS_SUCCESS)
        return;
    if (crashing)
        return; /* it dies with the request in its hands */
    rig_fill_answer(t, 0);
    if (t->in.block.Dir.Rsp.Kind == SpdIoctlTransactReadKind)
        rig_pattern(RIG_IN_DATA(t), RIG_REQ(t)->Op.Read.BlockAddress,
            RIG_REQ(t)->Op.Read.BlockCount);
    rig_answer(&program, t, btl, LIMIT);
    rig_end(t);
    served++;
}

/* Answers to all that a batch has brought, where it lies in t->out. Returns their length. */
static ULONG put_answers(struct rig_transact *t, ULONG room)
{
    const SPD_IOCTL_BATCH_PARAMS *brought = (const SPD_IOCTL_BATCH_PARAMS *)t->out.bytes;
    SPD_IOCTL_BATCH_PARAMS *head = (SPD_IOCTL_BATCH_PARAMS *)t->in.bytes;
    struct ioq_batch batch = { .base = (uint8_t *)(head + 1), .room = room };
    struct ioq_entry *at = (struct ioq_entry *)(t->out.bytes + sizeof *head);

    for (UINT32 i = 0; i < brought->Count; i++, at = ioq_entry_next(at)) {
        const SPD_IOCTL_TRANSACT_REQ *req = &((SPD_IOCTL_BATCH_ENTRY *)at)->Dir.Req;
        bool read = req->Kind == SpdIoctlTransactReadKind;
        SPD_IOCTL_BATCH_ENTRY *entry;

        if (!req->Hint)
            continue;
        entry = (SPD_IOCTL_BATCH_ENTRY *)ioq_batch_add(
            &batch, read ? req->Op.Read.BlockCount * RIG_BLOCK : 0);
        check(entry, "the answers of a batch do not fit where its requests did");
        entry->Dir.Rsp.Hint = req->Hint;
        entry->Dir.Rsp.Kind = req->Kind;
        if (read)
            rig_pattern(entry + 1, req->Op.Read.BlockAddress, req->Op.Read.BlockCount);
        served++;
    }
    head->Count = batch.count;
    head->Wanted = 0;
    return (ULONG)(sizeof *head + batch.used);
}

static void serve_several(struct server *server, struct rig_transact *t)
{
    enum { ENTRIES = 3, ROOM = ENTRIES * (sizeof(SPD_IOCTL_BATCH_ENTRY) + LIMIT) };
    SPD_IOCTL_BATCH_PARAMS *head = (SPD_IOCTL_BATCH_PARAMS *)t->in.bytes;
    ULONG length;

    *head = (SPD_IOCTL_BATCH_PARAMS){
        .Base = { sizeof *head, SPD_IOCTL_BATCH },
        .Btl = SPD_IOCTL_BTL(0, server->unit, 0),
        .Wanted = ENTRIES,
    };
    t->irp = shim_ioctl_begin(
        program.process, head, sizeof *head, &t->out, (ULONG)sizeof *head + ROOM);
    set_waiting(server, t->irp);
    shim_ioctl_wait(t->irp);
    set_waiting(server, NULL);
    if (shim_ioctl_end(t->irp, &length) != STATUS_SUCCESS || !length || crashing)
        return;
    length = put_answers(t, ROOM);
    if (!head->Count)
        return;
    t->irp = shim_ioctl_begin(program.process, head, length, NULL, 0);
    rig_end(t);
}

static void *serve(void *argument)
{
    struct server *server = argument;
    struct rig_transact *t = calloc(1, sizeof *t);
    unsigned turn = 0;

    while (!ending) {
        if (crashing) {
            sched_yield();
            continue;
        }
        pthread_rwlock_rdlock(&alive);
        if (turn++ % 2)
            serve_several(server, t);
        else
            serve_one(server, t);
        pthread_rwlock_unlock(&alive);
    }
    free(t);
    return NULL;
}

static void count(const struct shim_srb *box, const UCHAR *data, UCHAR first)
{
    if (box->srb.SrbStatus == SRB_STATUS_SUCCESS) {
        if (box->srb.SrbFlags & SRB_FLAGS_DATA_IN)
            check(data[0] == first, "a read got the answer to another");
        good++;
    } else if (box->srb.SrbStatus == SRB_STATUS_ABORTED) {
        aborted++;
    } else if (rig_sense(box) >> 8 == 0xb2e) {
        late++;
    } else {
        other++;
    }
}

static void *initiate(void *argument)
{
    UCHAR *data = malloc(8 * RIG_BLOCK);

    for (unsigned i = 0; i < COMMANDS; i++) {
        uint64_t lba = (i * 7 + (uintptr_t)argument) % 8;
        UCHAR target = (UCHAR)((i + (uintptr_t)argument) % UNITS);
        struct shim_srb box;

        if (i % 16 == 15)
            rig_flush(&box, target, 0, 0);
        else if (i % 3)
            rig_read(&box, target, lba, 1 + i % 8, data);
        else
            rig_write(&box, target, lba, 1 + i % 8, data);
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

static void provision(unsigned n)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(n, LIMIT);
    UINT32 btl;

    params.CacheSupported = 1;
    params.Reserved[0] = GRACE;
    check(rig_provision(&program, &params, &btl) == STATUS_SUCCESS, "it cannot provision");
    check(btl == SPD_IOCTL_BTL(0, n, 0), "it has another address");
}

static void replace(void)
{
    check(rig_unprovision(&program, 0) == STATUS_SUCCESS, "it cannot unprovision");
    provision(0);
}

static void reset(unsigned i)
{
    struct shim_srb box;

    if (i & 16) {
        shim_reset_bus(0);
        return;
    }
    shim_srb_init(&box, SRB_FUNCTION_RESET_BUS, 0);
    shim_srb_send(&box);
    shim_srb_wait(&box);
    shim_srb_free(&box);
}

static void abort_one(UCHAR *data)
{
    struct shim_srb box, abort_srb;

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
}

/* The threads of the program end, then its process; another one takes over. */
static void crash(void)
{
    crashing = true;
    for (unsigned i = 0; i < SERVERS; i++) {
        pthread_mutex_lock(&servers[i].lock);
        if (servers[i].waiting)
            shim_ioctl_cancel(servers[i].waiting);
        pthread_mutex_unlock(&servers[i].lock);
    }
    pthread_rwlock_wrlock(&alive);
    rig_exit(&program);
    rig_start(&program, 100);
    for (unsigned i = 0; i < UNITS; i++)
        provision(i);
    crashing = false;
    pthread_rwlock_unlock(&alive);
    crashes++;
}

/* Windows looks at a disk, and removes it. */
static void plug_and_play(void)
{
    DEVICE_OBJECT disk = { .DeviceType = FILE_DEVICE_DISK, .target = 1 };
    IRP irp = { .stack.MinorFunction = IRP_MN_START_DEVICE };

    shim.driver.MajorFunction[IRP_MJ_PNP](&disk, &irp);
    irp.stack.MinorFunction = IRP_MN_REMOVE_DEVICE;
    shim.driver.MajorFunction[IRP_MJ_PNP](&disk, &irp);
    provision(1);
}

/* Everything that may go wrong, again and again. */
static void *disturb(void *argument)
{
    static UCHAR data[RIG_BLOCK];

    (void)argument;
    for (unsigned i = 0; !ending; i++) {
        switch (i % 16) {
        case 0: reset(i); break;
        case 4: replace(); break;
        case 5: crash(); break;
        case 8: plug_and_play(); break;
        case 12: shim_control(ScsiStopAdapter); break;
        case 15: shim_seconds(TIMEOUT + 2); break;
        default: abort_one(data); break;
        }
    }
    return NULL;
}

/* A stranger who may do nothing, and an owner's thread whose transactions are cancelled. */
static void *meddle(void *argument)
{
    struct rig_transact *t = calloc(1, sizeof *t);
    UINT32 btls[16];

    (void)argument;
    while (!ending) {
        rig_list(&bystander, btls, 16);
        rig_unprovision(&bystander, 0); /* denied, but within the grace */
        pthread_rwlock_rdlock(&alive);
        rig_ask(&program, t, 0, LIMIT);
        shim_ioctl_cancel(t->irp);
        if (rig_end(t) == STATUS_SUCCESS) {
            rig_fill_answer(t, 2);
            rig_answer(&program, t, 0, LIMIT);
            rig_end(t);
        }
        pthread_rwlock_unlock(&alive);
    }
    free(t);
    return NULL;
}

static void test_everything_at_once(void **state)
{
    pthread_t threads[SERVERS], initiators[INITIATORS], disturber, meddler;

    (void)state;
    shim_start(0, TIMEOUT);
    rig_start(&program, 100);
    rig_start(&bystander, 200);
    for (unsigned i = 0; i < UNITS; i++)
        provision(i);
    for (unsigned i = 0; i < SERVERS; i++) {
        servers[i].unit = i % UNITS;
        pthread_mutex_init(&servers[i].lock, NULL);
        pthread_create(&threads[i], NULL, serve, &servers[i]);
    }
    pthread_create(&disturber, NULL, disturb, NULL);
    pthread_create(&meddler, NULL, meddle, NULL);
    for (uintptr_t i = 0; i < INITIATORS; i++)
        pthread_create(&initiators[i], NULL, initiate, (void *)i);
    for (unsigned i = 0; i < INITIATORS; i++)
        pthread_join(initiators[i], NULL);
    ending = true;
    pthread_join(disturber, NULL);
    pthread_join(meddler, NULL);
    for (unsigned i = 0; i < UNITS; i++)
        assert_int_equal(rig_unprovision(&program, i), STATUS_SUCCESS);
    for (unsigned i = 0; i < SERVERS; i++)
        pthread_join(threads[i], NULL);
    rig_exit(&program);
    rig_exit(&bystander);
    shim_stop();
    print_message("# %u served, %u good, %u aborted, %u late, %u other, %u crashes\n", served,
        good, aborted, late, other, crashes);
    assert_true(good > 0);
    assert_int_equal(good + aborted + late + other, INITIATORS * COMMANDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
