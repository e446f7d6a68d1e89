/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvtest: what the harness does with the adapter and the double. The tests are in winspd-tests.
 *   --units N        checks that the adapter has N targets, all of which can be used
 *   --find X         has the judge find something
 *   --die call       has the emulated kernel call what there is not, --die write: write nowhere
 *   --fault X        writes nowhere itself
 *   --interrupt X    runs the command line X, and types Ctrl-C when it serves
 *   --flush NAME     FlushFileBuffers() of the disk
 */

#include "client.h"

/* It is the one whose GUID begins with the number. */
static void check_serial(UINT32 btl, unsigned number)
{
    UCHAR page[40], wanted[9];
    struct scsi command = scsi_inquiry(btl, 0x80, page, sizeof page);

    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    snprintf((char *)wanted, sizeof wanted, "%08x", number);
    CHECK_BYTES(page + 4, wanted, 8);
}

/* Windows has no more targets on a bus. */
#define UNIT(Number) SPD_IOCTL_BTL((Number) / 128, (Number) % 128, 0)

static int as_many_units(const char *argument)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[5 * BLOCK] = "of the last unit";
    struct server server;
    struct scsi out;
    unsigned count = (unsigned)atoi(argument), i;
    UINT32 list[256], btl;
    DWORD bytes;

    hold_lifetime();
    for (i = 0; i < count; i++) {
        params.Guid.Data1 = i;
        CHECK_EQUAL(provision_good(&params), UNIT(i));
    }
    params.Guid = guid_b;
    CHECK_EQUAL(provision(&params, &btl), ERROR_CANNOT_MAKE);
    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, count * 4);
    for (i = 0; i < count; i++) {
        CHECK_EQUAL(list[i], UNIT(i));
        check_serial(UNIT(i), i);
    }
    server_start(&server, &params, UNIT(count - 1), 2);
    out = scsi_move(UNIT(count - 1), DATA_OUT, 3, 5, data);
    scsi_run(&out);
    CHECK_EQUAL(out.error | out.status, 0);
    CHECK_BYTES(server.disk + 3 * BLOCK, data, sizeof data);
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

static int fault(const char *argument)
{
    *(volatile char *)NULL = argument[0];
    return 0;
}

static BOOL has_unit(void)
{
    UINT32 list[256];
    DWORD bytes;

    return !list_units(list, sizeof list, &bytes) && bytes;
}

/* Ctrl-C reaches every process of a console: one is made for the two of us. */
static int interrupt(const char *argument)
{
    SECURITY_ATTRIBUTES inherited = { sizeof inherited, NULL, TRUE };
    STARTUPINFOA startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    HANDLE keyboard;
    char line[1024];

    FreeConsole();
    CHECK(AllocConsole());
    /* The end of our input would also be the end of a program that waits for Enter. */
    CHECK(CreatePipe(&startup.hStdInput, &keyboard, &inherited, 0));
    snprintf(line, sizeof line, "%s", argument);
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

static int flush(const char *argument)
{
    HANDLE disk = CreateFileA(argument, GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

    CHECK(disk != INVALID_HANDLE_VALUE);
    CHECK(FlushFileBuffers(disk));
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const char *argument);
    } commands[] = {
        { "--units", as_many_units },
        { "--find", find },
        { "--die", die },
        { "--fault", fault },
        { "--interrupt", interrupt },
        { "--flush", flush },
    };
    unsigned i;

    adapter = open_adapter();
    if (adapter == INVALID_HANDLE_VALUE)
        fail(__FILE__, __LINE__, "the adapter cannot be opened: error %lu", GetLastError());
    for (i = 0; argc == 3 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i].name, argv[1]))
            return commands[i].run(argv[2]);
    return 2;
}
