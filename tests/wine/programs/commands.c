/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * What the harness has drvtest do:
 *   --units N        checks that the adapter has N targets
 *   --find X         has the judge find something
 *   --die call       has the emulated kernel call what there is not, --die write: write nowhere
 *   --interrupt X    runs the command line X, and types Ctrl-C when it serves
 */

#include "client.h"

static int as_many_units(const char *argument)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    unsigned count = (unsigned)atoi(argument), i;
    UINT32 list[256], btl;
    DWORD bytes;

    hold_lifetime();
    for (i = 0; i < count; i++) {
        params.Guid.Data1 = i;
        CHECK_EQUAL(provision_good(&params), BTL(i));
    }
    params.Guid = guid_b;
    CHECK_EQUAL(provision(&params, &btl), ERROR_CANNOT_MAKE);
    CHECK_EQUAL(list_units(list, sizeof(list), &bytes), 0);
    CHECK_EQUAL(bytes, count * 4);
    scsi_ready(BTL(count - 1));
    return 0;
}

static int find(const char *argument)
{
    (void)argument;
    double_number(DOUBLE_IOCTL_FIND, 0);
    return 0;
}

static int die(const char *argument)
{
    double_number(DOUBLE_IOCTL_DIE,
        strcmp(argument, "call") ? DOUBLE_DIES_OF_A_WRITE : DOUBLE_DIES_OF_A_CALL);
    return 0;
}

static BOOL has_unit(void)
{
    UINT32 list[256];
    DWORD bytes;

    return !list_units(list, sizeof(list), &bytes) && bytes;
}

/* Ctrl-C reaches every process of a console: one is made for the two of us. */
static int interrupt(const char *argument)
{
    SECURITY_ATTRIBUTES inherited = { sizeof(inherited), NULL, TRUE };
    STARTUPINFOA startup = { .cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    HANDLE keyboard;
    char line[1024];

    FreeConsole();
    CHECK(AllocConsole());
    /* The end of our input would also be the end of a program that waits for Enter. */
    CHECK(CreatePipe(&startup.hStdInput, &keyboard, &inherited, 0));
    snprintf(line, sizeof(line), "%s", argument);
    CHECK(CreateProcessA(
        NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process));
    /* Its lifetime request and a transaction: by then it has its handler. */
    WAIT_UNTIL(double_state().service_irps >= 2);
    CHECK(SetConsoleCtrlHandler(NULL, TRUE));
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    CHECK_EQUAL(end_of_child(process.hProcess), 0);
    CHECK(!has_unit());
    return 0;
}

int command(const char *name, const char *argument)
{
    static const struct {
        const char *name;
        int (*run)(const char *argument);
    } commands[] = {
        { "--units", as_many_units },
        { "--find", find },
        { "--die", die },
        { "--interrupt", interrupt },
    };
    unsigned i;

    for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (!strcmp(commands[i].name, name))
            return commands[i].run(argument);
    return 2;
}
