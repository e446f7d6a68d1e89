/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The owner of a unit, and the death of a process. */

#include "client.h"

static const char unused[] = "-";

enum { GRACE = 120, IDS = 1000 };

static DWORD units(void)
{
    UINT32 list[256];
    DWORD bytes;

    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    return bytes / 4;
}

/* Children. */

static int child_dies(const char *argument)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    (void)argument;
    hold_lifetime();
    provision_good(&params);
    CHECK(CloseHandle(adapter));
    return 0;
}

/* Takes a request and keeps it until it is killed. A second unit says that it has been taken. */
static int child_serves(const char *argument)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[BLOCK];
    SPD_IOCTL_TRANSACT_REQ req;
    UINT32 btl;

    hold_lifetime();
    if (!strcmp(argument, "grace"))
        params.Reserved[0] = GRACE;
    btl = provision_good(&params);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    params = small_unit(&guid_b);
    provision_good(&params);
    Sleep(INFINITE);
    return 0;
}

static int child_without_rights(const char *argument)
{
    SPD_IOCTL_TRANSACT_RSP rsp = { .Hint = 1, .Kind = 1 };

    (void)argument;
    CHECK_EQUAL(transact(BTL(0), &rsp, NULL, NULL, 0, BLOCK), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(unprovision(&guid_a), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(set_transact_process(BTL(0), GetCurrentProcessId()), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(units(), 1);
    return 0;
}

static int child_transacts(const char *argument)
{
    UCHAR data[5 * BLOCK], answer[5 * BLOCK];
    struct scsi command = scsi_move(BTL(0), DATA_IN, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    (void)argument;
    scsi_start(&command);
    CHECK_EQUAL(transact(BTL(0), NULL, &req, answer, 0, sizeof answer), 0);
    fill_pattern(answer, 7, 5, 3);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(BTL(0), &rsp, NULL, answer, sizeof answer, sizeof answer), 0);
    scsi_wait(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK(is_pattern(data, 7, 5, 3));
    return 0;
}

static int child_without_lifetime(const char *argument)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 btl;

    (void)argument;
    CHECK_EQUAL(provision(&params, &btl), ERROR_BAD_COMMAND);
    return 0;
}

int process_child(const char *child, const char *argument)
{
    static const struct {
        const char *name;
        int (*run)(const char *argument);
    } children[] = {
        { "dies", child_dies },
        { "serves", child_serves },
        { "without rights", child_without_rights },
        { "transacts", child_transacts },
        { "without lifetime", child_without_lifetime },
        { "load", load_server },
    };
    unsigned i;

    for (i = 0; i < sizeof children / sizeof *children; i++)
        if (!strcmp(children[i].name, child)) {
            adapter = open_adapter();
            CHECK(adapter != INVALID_HANDLE_VALUE);
            return children[i].run(argument);
        }
    return CHILD_UNKNOWN;
}

/* Tests. */

static void a_dead_owners_units_are_gone_with_it(void)
{
    CHECK_EQUAL(end_of_child(start_child("dies", unused, FALSE, NULL)), 0);
    CHECK_EQUAL(units(), 0);
}

static void a_stranger_has_no_rights(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    provision_good(&params);
    CHECK_EQUAL(end_of_child(start_child("without rights", unused, FALSE, NULL)), 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void the_owner_lets_another_process_serve(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    SPD_IOCTL_TRANSACT_RSP rsp = { .Hint = 1, .Kind = 1 };
    HANDLE process, thread;
    UINT32 btl;

    params.MaxTransferLength = 5 * BLOCK;
    btl = provision_good(&params);
    scsi_ready(btl);
    process = start_child("transacts", unused, TRUE, &thread);
    CHECK_EQUAL(set_transact_process(btl, GetProcessId(process)), 0);
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), ERROR_ACCESS_DENIED);
    ResumeThread(thread);
    CHECK_EQUAL(end_of_child(process), 0);
    CloseHandle(thread);
    CHECK_EQUAL(set_transact_process(BTL(9), GetCurrentProcessId()), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(set_transact_process(btl, 0x7ffffff0), ERROR_INVALID_PARAMETER); /* nobody */
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void provisioning_needs_a_lifetime_request(void)
{
    CHECK_EQUAL(end_of_child(start_child("without lifetime", unused, FALSE, NULL)), 0);
}

static void a_server_killed_in_mid_request(void)
{
    UCHAR data[BLOCK];
    struct scsi command = scsi_move(BTL(0), DATA_IN, 1, 1, data);
    HANDLE process = start_child("serves", unused, FALSE, NULL);

    WAIT_UNTIL(units() == 1);
    scsi_ready(BTL(0));
    scsi_start(&command);
    WAIT_UNTIL(units() == 2);
    CHECK(TerminateProcess(process, 9));
    CHECK_EQUAL(end_of_child(process), 9);
    CHECK_EQUAL(units(), 0);
    scsi_wait(&command);
    CHECK(command.error != 0 || command.status != 0);
}

/* Within the grace a restarted server finds the request that its predecessor took with it. */
static void a_server_that_comes_back_within_the_grace(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[BLOCK];
    struct scsi command = scsi_move(BTL(0), DATA_IN, 1, 1, data);
    HANDLE process = start_child("serves", "grace", FALSE, NULL);
    struct server server;

    params.Reserved[0] = GRACE;
    WAIT_UNTIL(units() == 1);
    scsi_ready(BTL(0));
    scsi_start(&command);
    WAIT_UNTIL(units() == 2);
    CHECK(TerminateProcess(process, 9));
    CHECK_EQUAL(end_of_child(process), 9);
    CHECK_EQUAL(units(), 1);
    CHECK_EQUAL(provision_good(&params), BTL(0));
    server_start(&server, &params, BTL(0), 1);
    scsi_wait(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
}

/* The next program is another process of the same user. */
static void a_unit_in_its_grace_can_be_removed(void)
{
    HANDLE process = start_child("serves", "grace", FALSE, NULL);

    WAIT_UNTIL(units() == 1);
    CHECK_EQUAL(unprovision(&guid_a), ERROR_ACCESS_DENIED);
    CHECK(TerminateProcess(process, 9));
    CHECK_EQUAL(end_of_child(process), 9);
    CHECK_EQUAL(units(), 1);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(units(), 0);
}

static DWORD WINAPI ends_at_once(void *unused_argument)
{
    (void)unused_argument;
    return 0;
}

/* Threads get theirs from where processes do. */
static DWORD next_id(void)
{
    DWORD id;
    HANDLE thread = CreateThread(NULL, 0, ends_at_once, NULL, 0, &id);

    CHECK(thread);
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(thread);
    return id;
}

/* By the id that a disk names programs find whom to ask for an eject. */
static void the_process_id_of_a_unit_in_its_grace_is_nobody_elses(void)
{
    HANDLE process = start_child("serves", "grace", FALSE, NULL);
    DWORD id = GetProcessId(process);

    WAIT_UNTIL(units() == 1);
    CHECK(TerminateProcess(process, 9));
    CHECK_EQUAL(end_of_child(process), 9);
    for (unsigned i = 0; i < IDS; i++)
        CHECK(next_id() != id);
    CHECK_EQUAL(units(), 1);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

const struct test process_tests[] = {
    { "a dead owner's units are gone with it", a_dead_owners_units_are_gone_with_it,
        "ioctl_process_death_test" },
    { "a stranger has no rights", a_stranger_has_no_rights, "ioctl_process_access_test" },
    { "the owner lets another process serve", the_owner_lets_another_process_serve,
        "ioctl_process_transact_test" },
    { "provisioning needs a lifetime request", provisioning_needs_a_lifetime_request },
    { "a server killed in mid-request", a_server_killed_in_mid_request },
    { "a server that comes back within the grace", a_server_that_comes_back_within_the_grace },
    { "a unit in its grace can be removed", a_unit_in_its_grace_can_be_removed },
    { "the process id of a unit in its grace is nobody else's",
        the_process_id_of_a_unit_in_its_grace_is_nobody_elses },
    { 0 }
};
