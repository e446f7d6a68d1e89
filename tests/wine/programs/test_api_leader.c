/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units with quick callbacks, so that one dispatcher thread serves for all, until one blocks. */

#include <limits.h>

#include "api.h"

#include "../../dll/programs/hook.h"
#include "doors/windows/lead.h"

#define THREADS 4
#define BLOCKS 4096
#define PORTION (BLOCKS / THREADS) /* of the disk, that a client moves */
#define BLOCKS_AT_ONCE 4
#define GATE 0        /* a read of this block waits */
#define ENOUGH 200    /* quick commands of a client */
#define SOME 20       /* while another waits, which is late after 10 s */
#define FOR_EVER LONG_MAX

static volatile LONG wanted, inside, gave_up;
static HANDLE all_inside, may_leave;

static BOOLEAN SPD_CALL on_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    fill_pattern(buffer, block, count, 0);
    if (block != GATE)
        return TRUE;
    if (InterlockedIncrement(&inside) == wanted)
        SetEvent(all_inside);
    if (WaitForSingleObject(may_leave, PATIENCE))
        InterlockedIncrement(&gave_up);
    return TRUE;
}

static BOOLEAN SPD_CALL on_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    if (!is_pattern(buffer, block, count, 0))
        SpdStorageUnitStatusSetSense(status, SCSI_SENSE_MEDIUM_ERROR, 0x0c, NULL);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE callbacks = { .Read = on_read, .Write = on_write };

static SPD_STORAGE_UNIT *serve(const GUID *guid)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(guid, BLOCKS_AT_ONCE);
    SPD_STORAGE_UNIT *unit;

    params.BlockCount = BLOCKS;
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &callbacks, &unit), 0);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, THREADS), 0);
    return unit;
}

/* Moves blocks, and looks at them, so often or until there is no disk any more. */
struct client {
    UINT32 btl;
    UINT64 first; /* of its portion; the block before is never moved */
    volatile LONG commands, done, errors, wrong;
    HANDLE thread;
};

static DWORD WINAPI client_main(void *context)
{
    struct client *client = context;
    UCHAR data[BLOCKS_AT_ONCE * BLOCK];

    while (client->done < client->commands && !client->errors) {
        UINT32 count = 1 + client->done % BLOCKS_AT_ONCE;
        UINT64 block = client->first + client->done % (PORTION - BLOCKS_AT_ONCE);
        BOOL write = client->done & 1;
        struct command command = api_move(client->btl, write, block, count, data);

        if (write)
            fill_pattern(data, block, count, 0);
        else
            memset(data, 0, sizeof data);
        api_run(&command);
        if (!api_good(&command))
            InterlockedIncrement(&client->errors);
        else if (!is_pattern(data, block, count, 0))
            InterlockedIncrement(&client->wrong);
        InterlockedIncrement(&client->done);
    }
    return 0;
}

static void clients_start(struct client clients[THREADS], UINT32 btl, LONG commands)
{
    UINT32 i;

    for (i = 0; i < THREADS; i++) {
        clients[i] = (struct client){
            .btl = btl, .first = i * PORTION + 1, .commands = commands };
        clients[i].thread = CreateThread(NULL, 0, client_main, &clients[i], 0, NULL);
        CHECK(clients[i].thread);
    }
}

/* So many commands more of each. */
static void clients_go_on(const struct client clients[THREADS], LONG commands)
{
    LONG before[THREADS];
    UINT32 i;

    for (i = 0; i < THREADS; i++)
        before[i] = clients[i].done;
    for (i = 0; i < THREADS; i++)
        WAIT_UNTIL(clients[i].done - before[i] >= commands);
}

/* Returns how many met an error. */
static LONG clients_end(struct client clients[THREADS])
{
    LONG errors = 0;
    UINT32 i;

    for (i = 0; i < THREADS; i++) {
        CHECK_EQUAL(WaitForSingleObject(clients[i].thread, PATIENCE), WAIT_OBJECT_0);
        CloseHandle(clients[i].thread);
        CHECK_EQUAL(clients[i].wrong, 0);
        errors += clients[i].errors;
    }
    return errors;
}

static void clients_stop(struct client clients[THREADS])
{
    UINT32 i;

    for (i = 0; i < THREADS; i++)
        InterlockedExchange(&clients[i].commands, 0);
    CHECK_EQUAL(clients_end(clients), 0);
}

/*
 * The looks of followers at their leader, as the test wants them: those that are held do not end,
 * so that the leader stays and no other thread asks the driver. When the leader blocks, and all
 * other threads sleep, two looks suffice to give it up. After the last of so many looks, a follower
 * would ask besides the leader, and the others would be served all the same, but late.
 */
enum { LOOKS_END, LOOKS_ARE_HELD, LOOKS_ARE_COUNTED };

static BOOL(WINAPI *real_sleep)(CONDITION_VARIABLE *, SRWLOCK *, DWORD, ULONG);
static volatile LONG looks, looks_left, asleep;
static SRWLOCK *volatile looked_at; /* the lock of a unit's leader and followers */

static void looks_are(LONG as)
{
    InterlockedExchange(&looks_left, 2);
    InterlockedExchange(&looks, as);
}

static BOOL look_ends(void)
{
    if (looks != LOOKS_ARE_COUNTED || asleep < THREADS - 1)
        return looks == LOOKS_END;
    CHECK(InterlockedDecrement(&looks_left) >= 0);
    return TRUE;
}

static BOOL WINAPI sleep_in_follow(
    CONDITION_VARIABLE *wake, SRWLOCK *lock, DWORD milliseconds, ULONG flags)
{
    BOOL woken;

    if (milliseconds == WINDOWS_LEAD_LOOK_MS)
        looked_at = lock;
    if (lock != looked_at)
        return real_sleep(wake, lock, milliseconds, flags);
    InterlockedIncrement(&asleep);
    do
        woken = real_sleep(wake, lock, milliseconds, flags);
    while (!woken && !look_ends());
    InterlockedDecrement(&asleep);
    return woken;
}

static SPD_STORAGE_UNIT *start(LONG gates)
{
    SPD_STORAGE_UNIT *unit;

    inside = gave_up = 0;
    wanted = gates;
    all_inside = CreateEventW(NULL, TRUE, FALSE, NULL);
    may_leave = CreateEventW(NULL, TRUE, FALSE, NULL);
    unit = serve(&guid_a);
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, unit->Btl, NULL, PATIENCE), 0);
    return unit;
}

static void end(SPD_STORAGE_UNIT *unit)
{
    api_stop(unit);
    CloseHandle(all_inside);
    CloseHandle(may_leave);
    CHECK_EQUAL(gave_up, 0);
}

static void gates_start(struct command *gates, UCHAR (*data)[BLOCK], LONG count)
{
    LONG i;

    for (i = 0; i < count; i++) {
        gates[i] = api_move(TARGET(0), FALSE, GATE, 1, data[i]);
        api_start(&gates[i]);
    }
    CHECK_EQUAL(WaitForSingleObject(all_inside, PATIENCE), WAIT_OBJECT_0);
}

static void gates_end(struct command *gates, UCHAR (*data)[BLOCK], LONG count)
{
    LONG i;

    SetEvent(may_leave);
    for (i = 0; i < count; i++) {
        api_wait(&gates[i]);
        CHECK(api_good(&gates[i]));
        CHECK(is_pattern(data[i], GATE, 1, 0));
    }
}

/* Each of them waits for the others, and a thread more than they have is not there. */
static void calls_that_wait_for_each_other(void)
{
    SPD_STORAGE_UNIT *unit = start(THREADS);
    struct client clients[THREADS];
    struct command gates[THREADS];
    UCHAR data[THREADS][BLOCK];

    clients_start(clients, TARGET(0), ENOUGH);
    CHECK_EQUAL(clients_end(clients), 0);
    gates_start(gates, data, THREADS);
    gates_end(gates, data, THREADS);
    end(unit);
}

/* It comes in the middle of quick ones, perhaps with the same call of the driver. */
static void one_that_blocks_holds_up_no_others(void)
{
    SPD_STORAGE_UNIT *unit = start(1);
    struct client clients[THREADS];
    struct command gate;
    UCHAR data[1][BLOCK];

    clients_start(clients, TARGET(0), FOR_EVER);
    clients_go_on(clients, ENOUGH);
    gates_start(&gate, data, 1);
    clients_go_on(clients, SOME);
    gates_end(&gate, data, 1);
    clients_go_on(clients, SOME);
    clients_stop(clients);
    end(unit);
}

/* Its client does not wait until the leader, which has it, is given up: others are served, and the
 * answer that comes late finds nobody. At once in one round, and in the other when the others have
 * gone on. */
static void one_that_blocks_is_aborted(void)
{
    int round;

    real_sleep = (void *)hook_set("SleepConditionVariableSRW", (void *)sleep_in_follow);
    for (round = 0; round < 2; round++) {
        SPD_STORAGE_UNIT *unit = start(1);
        struct client clients[THREADS];
        struct command gate;
        UCHAR data[1][BLOCK];

        looked_at = NULL;
        looks_are(LOOKS_ARE_HELD);
        clients_start(clients, TARGET(0), ENOUGH);
        CHECK_EQUAL(clients_end(clients), 0);
        gates_start(&gate, data, 1);
        if (round == 0)
            api_abort(TARGET(0), 0);
        looks_are(LOOKS_ARE_COUNTED);
        clients_start(clients, TARGET(0), FOR_EVER);
        clients_go_on(clients, SOME);
        if (round == 1) /* each of the others came after it */
            api_abort(TARGET(0), 0);
        api_wait(&gate);
        CHECK(!api_good(&gate));
        looks_are(LOOKS_END);
        SetEvent(may_leave);
        clients_go_on(clients, SOME);
        clients_stop(clients);
        end(unit);
    }
    hook_set("SleepConditionVariableSRW", (void *)real_sleep);
}

/* Each unit has a leader of its own: one that blocks is no matter for the other unit. */
static void two_units_of_one_program(void)
{
    SPD_STORAGE_UNIT *unit = start(1), *other = serve(&guid_b);
    struct client clients[THREADS], others[THREADS];
    struct command gate;
    UCHAR data[1][BLOCK];

    CHECK_EQUAL(other->Btl, TARGET(1));
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, other->Btl, NULL, PATIENCE), 0);
    clients_start(clients, TARGET(0), FOR_EVER);
    clients_start(others, TARGET(1), FOR_EVER);
    clients_go_on(clients, ENOUGH);
    clients_go_on(others, ENOUGH);
    gates_start(&gate, data, 1);
    clients_go_on(others, SOME);
    clients_go_on(clients, SOME);
    clients_stop(others);
    api_stop(other);
    clients_go_on(clients, SOME);
    gates_end(&gate, data, 1);
    clients_stop(clients);
    end(unit);
}

/* Some commands run then, and end with an error. */
static void shut_down_under_commands(void)
{
    SPD_STORAGE_UNIT *unit = start(0);
    struct client clients[THREADS];

    clients_start(clients, TARGET(0), FOR_EVER);
    clients_go_on(clients, ENOUGH);
    end(unit);
    CHECK_EQUAL(clients_end(clients), THREADS);
}

int api_serve(void)
{
    serve(&guid_a);
    Sleep(INFINITE);
    return 0;
}

static BOOL is_served(void)
{
    return api_units() == 1 && !SpdIoctlScsiInquiry(device, TARGET(0), NULL, PATIENCE);
}

static void killed_under_commands(void)
{
    struct client clients[THREADS];
    UINT32 round;

    for (round = 0; round < 3; round++) {
        HANDLE process = start_child("api: serves", "-", FALSE, NULL);

        WAIT_UNTIL(is_served());
        clients_start(clients, TARGET(0), FOR_EVER);
        clients_go_on(clients, ENOUGH);
        CHECK(TerminateProcess(process, 9));
        CHECK_EQUAL(end_of_child(process), 9);
        CHECK_EQUAL(clients_end(clients), THREADS);
        WAIT_UNTIL(api_units() == 0);
    }
}

const struct test api_leader_tests[] = {
    { "leader: calls that wait for each other", calls_that_wait_for_each_other },
    { "leader: one that blocks holds up no others", one_that_blocks_holds_up_no_others },
    { "leader: one that blocks is aborted", one_that_blocks_is_aborted, .needs = NEEDS_DOUBLE },
    { "leader: two units of one program", two_units_of_one_program },
    { "leader: the unit is shut down under commands", shut_down_under_commands },
    { "leader: its program is killed under commands", killed_under_commands },
    { 0 }
};
