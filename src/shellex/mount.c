/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The verb that mounts files: Explorer hands it the selection and has it executed. */

#include "shellex.h"

#include <shobjidl.h>
#include <stdlib.h>

struct mount {
    struct com_object object;
    IShellItemArray *selection;
    BOOL no_ui;
};

static struct mount *mount_of(void *face)
{
    return (struct mount *)com_object_of(face);
}

static void set_selection(struct mount *mount, IShellItemArray *selection)
{
    IShellItemArray *old = mount->selection;

    if (selection)
        IShellItemArray_AddRef(selection);
    mount->selection = selection;
    if (old)
        IShellItemArray_Release(old);
}

static void destroy(struct com_object *object)
{
    set_selection((struct mount *)object, NULL);
}

static void run_start(struct task *task)
{
    task->outcome = server_start(image_class(task->subject), task->subject);
}

/* A cancelled mount is undone, if this mount started the server. */
static void take_back(struct task *task)
{
    if (!task->outcome.error)
        server_take_back(image_class(task->subject), task->subject);
}

static struct outcome mount_path(const wchar_t *path, BOOL no_ui)
{
    struct task *task;
    struct outcome outcome;

    if (!image_class(path))
        return outcome_of(ERROR_NO_ASSOCIATION, HINT_NO_EXTENSION);
    task = task_new(run_start, TEXT_MOUNT, TEXT_MOUNTING, path);
    if (!task)
        return outcome_of(ERROR_NOT_ENOUGH_MEMORY, 0);
    task->cancelled = take_back;
    outcome = task_run(task, NULL, no_ui);
    /* It is mounted already. */
    return outcome.error == ERROR_ALREADY_EXISTS ? outcome_of(0, 0) : outcome;
}

static struct outcome mount_file(const wchar_t *name, BOOL no_ui)
{
    struct outcome outcome;
    wchar_t *path = image_path(name, &outcome);

    if (path)
        outcome = mount_path(path, no_ui);
    free(path);
    return outcome;
}

/* Explorer has its own message for a verb that fails, but none for a verb that is cancelled. So a
 * user who has seen our message does not see both. */
static HRESULT result_of(const wchar_t *name, const struct outcome *outcome, BOOL no_ui)
{
    if (!outcome->error)
        return S_OK;
    if (!no_ui && outcome->error != ERROR_CANCELLED &&
        report_outcome(NULL, TEXT_MOUNT, name, outcome))
        return HRESULT_FROM_WIN32(ERROR_CANCELLED);
    return HRESULT_FROM_WIN32(outcome->error);
}

/* FALSE: the user has cancelled. */
static BOOL mount_item(IShellItemArray *selection, DWORD i, BOOL no_ui, HRESULT *result)
{
    struct outcome outcome = { 0 };
    IShellItem *item;
    wchar_t *name;

    *result = IShellItemArray_GetItemAt(selection, i, &item);
    if (FAILED(*result))
        return TRUE;
    *result = IShellItem_GetDisplayName(item, SIGDN_FILESYSPATH, &name);
    if (SUCCEEDED(*result)) {
        outcome = mount_file(name, no_ui);
        *result = result_of(name, &outcome, no_ui);
        CoTaskMemFree(name);
    }
    IShellItem_Release(item);
    return outcome.error != ERROR_CANCELLED;
}

static HRESULT mount_all(IShellItemArray *selection, BOOL no_ui)
{
    DWORD count;
    HRESULT result = IShellItemArray_GetCount(selection, &count);

    for (DWORD i = 0; SUCCEEDED(result) && i < count; i++) {
        HRESULT last;
        BOOL goes_on = mount_item(selection, i, no_ui, &last);

        if (!goes_on || i + 1 == count)
            return last;
    }
    return result;
}

static HRESULT STDMETHODCALLTYPE execute(IExecuteCommand *face)
{
    struct mount *mount = mount_of(face);
    IShellItemArray *selection = mount->selection;
    HRESULT result;

    if (!selection)
        return E_UNEXPECTED;
    /* Windows are served meanwhile, so others may change or release the object. */
    com_add_ref(face);
    IShellItemArray_AddRef(selection);
    result = mount_all(selection, mount->no_ui);
    IShellItemArray_Release(selection);
    com_release(face);
    return result;
}

static HRESULT STDMETHODCALLTYPE set_no_ui(IExecuteCommand *face, BOOL no_ui)
{
    mount_of(face)->no_ui = no_ui;
    return S_OK;
}

/* Neither keys nor a place on the screen change how a file is mounted. */
static HRESULT STDMETHODCALLTYPE set_number(IExecuteCommand *face, DWORD number)
{
    (void)face;
    (void)number;
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE set_show(IExecuteCommand *face, int show)
{
    (void)face;
    (void)show;
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE set_text(IExecuteCommand *face, const wchar_t *text)
{
    (void)face;
    (void)text;
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE set_position(IExecuteCommand *face, POINT position)
{
    (void)face;
    (void)position;
    return S_OK;
}

static const IExecuteCommandVtbl execute_functions = {
    COM_UNKNOWN(IExecuteCommand),
    .SetKeyState = set_number,
    .SetParameters = set_text,
    .SetPosition = set_position,
    .SetShowWindow = set_show,
    .SetNoShowUI = set_no_ui,
    .SetDirectory = set_text,
    .Execute = execute,
};

static HRESULT STDMETHODCALLTYPE initialize(
    IInitializeCommand *face, const wchar_t *command, IPropertyBag *properties)
{
    (void)face;
    (void)command;
    (void)properties;
    return S_OK;
}

static const IInitializeCommandVtbl initialize_functions = {
    COM_UNKNOWN(IInitializeCommand),
    .Initialize = initialize,
};

static HRESULT STDMETHODCALLTYPE take_selection(
    IObjectWithSelection *face, IShellItemArray *selection)
{
    set_selection(mount_of(face), selection);
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE give_selection(IObjectWithSelection *face, REFIID id, void **out)
{
    struct mount *mount = mount_of(face);

    if (!out)
        return E_POINTER;
    *out = NULL;
    return mount->selection ? IShellItemArray_QueryInterface(mount->selection, id, out) : E_FAIL;
}

static const IObjectWithSelectionVtbl selection_functions = {
    COM_UNKNOWN(IObjectWithSelection),
    .SetSelection = take_selection,
    .GetSelection = give_selection,
};

/* The mount itself shows whether it is possible; a check here could keep a menu from opening. */
static HRESULT STDMETHODCALLTYPE get_state(
    IExplorerCommandState *face, IShellItemArray *items, BOOL may_be_slow, EXPCMDSTATE *state)
{
    (void)face;
    (void)items;
    (void)may_be_slow;
    if (!state)
        return E_POINTER;
    *state = ECS_ENABLED;
    return S_OK;
}

static const IExplorerCommandStateVtbl state_functions = {
    COM_UNKNOWN(IExplorerCommandState),
    .GetState = get_state,
};

const struct com_class shellex_mount_class = {
    .id = &shellex_mount_id,
    .size = sizeof(struct mount),
    .destroy = destroy,
    .interface_count = 4,
    .interfaces = {
        { &IID_IExecuteCommand, &execute_functions },
        { &IID_IInitializeCommand, &initialize_functions },
        { &IID_IObjectWithSelection, &selection_functions },
        { &IID_IExplorerCommandState, &state_functions },
    },
};
