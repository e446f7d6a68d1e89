/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Tests of the Explorer extension as COM loads it, and what the harness has it do with a launcher
 * that is not our own:
 *   shelltest --mount PATH...   the verb, without UI; its result is the exit status
 *   shelltest --eject NUMBER    the menu entry, for the drive that is disk NUMBER
 */

#include "shelltest.h"

#include "drive.h"

const CLSID mount_id = { 0x62ad20c1, 0x8f38, 0x452a,
    { 0xab, 0x7a, 0xf2, 0x81, 0x00, 0x4d, 0x02, 0x83 } };
const CLSID eject_id = { 0x18f72bbe, 0xce30, 0x4eba,
    { 0x86, 0x91, 0x91, 0x1d, 0x15, 0x8a, 0x88, 0x3c } };

void *create(const CLSID *class_id, const IID *id)
{
    void *object = NULL;

    CHECK_RESULT(CoCreateInstance(class_id, NULL, CLSCTX_INPROC_SERVER, id, &object), S_OK);
    CHECK(object);
    return object;
}

static int mount(int count, char **names)
{
    wchar_t paths[8][MAX_PATH];
    const wchar_t *list[8];
    IExecuteCommand *verb = create(&mount_id, &IID_IExecuteCommand);
    IObjectWithSelection *target;
    IShellItemArray *items;
    HRESULT result;

    for (int i = 0; i < count && i < 8; i++) {
        swprintf(paths[i], MAX_PATH, L"%hs", names[i]);
        list[i] = paths[i];
    }
    items = items_of((unsigned)count, list);
    CHECK_RESULT(
        IExecuteCommand_QueryInterface(verb, &IID_IObjectWithSelection, (void **)&target), S_OK);
    IObjectWithSelection_SetSelection(target, items);
    IObjectWithSelection_Release(target);
    IExecuteCommand_SetNoShowUI(verb, TRUE);
    result = IExecuteCommand_Execute(verb);
    IExecuteCommand_Release(verb);
    printf("%lu\n", (unsigned long)HRESULT_CODE(result));
    return (int)HRESULT_CODE(result);
}

static int eject(unsigned disk)
{
    struct drive drive = drive_of_disk(disk);
    IContextMenu *menu = drive_menu(&drive);
    CMINVOKECOMMANDINFO info = { .cbSize = sizeof info, .fMask = CMIC_MASK_FLAG_NO_UI };
    HRESULT result = menu ? IContextMenu_InvokeCommand(menu, &info) : E_FAIL;

    if (menu)
        IContextMenu_Release(menu);
    drive_close(&drive);
    printf("%s %lu\n", menu ? "offered" : "not offered", (unsigned long)HRESULT_CODE(result));
    return (int)HRESULT_CODE(result);
}

/* --list; --tap NAME; --tap --from NAME, that and all behind it. The harness starts the program
 * again for what is behind a test that fails. */
static int run_tests(int argc, char **argv)
{
    static const struct test *const groups[] = { com_tests, mount_tests, eject_tests, ui_tests };
    const char *wanted = argc > 1 ? argv[argc - 1] : "";
    BOOL list = !strcmp(wanted, "--list"), all_behind = argc == 4, running = FALSE;
    unsigned count = 0;

    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++) {
        for (const struct test *test = groups[i]; test->name; test++) {
            if (list)
                printf("%s\n", test->name);
            running = (running && all_behind) || !strcmp(test->name, wanted);
            if (!running)
                continue;
            printf("# %s\n", test->name);
            if (groups[i] == ui_tests && !ui_is_there()) {
                printf("ok %u - %s # SKIP no display: install xvfb\n", ++count, test->name);
                continue;
            }
            test->run();
            printf("ok %u - %s\n", ++count, test->name);
            fflush(stdout);
        }
    }
    return list || count ? 0 : CHILD_UNKNOWN;
}

int main(int argc, char **argv)
{
    int status;

    CHECK_RESULT(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
    if (argc > 2 && !strcmp(argv[1], "--mount"))
        status = mount(argc - 2, argv + 2);
    else if (argc == 3 && !strcmp(argv[1], "--eject"))
        status = eject((unsigned)strtoul(argv[2], NULL, 10));
    else
        status = run_tests(argc, argv);
    CoUninitialize();
    return status;
}
