/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The DLL's output to a debugger, to handles and to the event log. */

#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "hook.h"

static char line[4096];

/* The output of log() to its handle. */
static const char *written(void (*log)(HANDLE handle))
{
    HANDLE from, to;
    DWORD got = 0;

    CHECK(CreatePipe(&from, &to, NULL, sizeof line));
    log(to);
    CloseHandle(to);
    ReadFile(from, line, sizeof line - 1, &got, NULL);
    line[got] = 0;
    CloseHandle(from);
    return line;
}

static SPD_IOCTL_TRANSACT_REQ log_request;
static SPD_IOCTL_TRANSACT_RSP log_response;

static void write_request(HANDLE handle)
{
    SpdDebugLogSetHandle(handle);
    SpdDebugLogRequest(&log_request);
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
}

static void write_response(HANDLE handle)
{
    SpdDebugLogSetHandle(handle);
    SpdDebugLogResponse(&log_response);
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
}

static bool is_line(const char *text, const char *end)
{
    char begin[64];

    snprintf(begin, sizeof begin, "winspd-tests-" ARCH "[TID=%04lx]: %0*x: ", GetCurrentThreadId(),
        (int)sizeof(void *) * 2, 0x1234);
    return !strncmp(text, begin, strlen(begin)) && !strcmp(text + strlen(begin), end);
}

static bool request_line(UINT8 kind, const char *end)
{
    log_request.Hint = 0x1234;
    log_request.Kind = kind;
    return is_line(written(write_request), end);
}

static bool response_line(UINT8 kind, const char *end)
{
    log_response.Hint = 0x1234;
    log_response.Kind = kind;
    return is_line(written(write_response), end);
}

static void a_request_is_a_line(void)
{
    ZeroMemory(&log_request, sizeof log_request);
    log_request.Op.Read.BlockAddress = 0x10000000a;
    log_request.Op.Read.BlockCount = 30;
    CHECK(request_line(1, ">>Read  BlockAddress=1:a, BlockCount=30, FUA=0\n"));
    CHECK(request_line(3, ">>Flush BlockAddress=1:a, BlockCount=30\n"));
    log_request.Op.Write.ForceUnitAccess = 1;
    CHECK(request_line(2, ">>Write BlockAddress=1:a, BlockCount=30, FUA=1\n"));
    log_request.Op.Unmap.Count = 3;
    CHECK(request_line(4, ">>Unmap Count=3\n"));
    CHECK(request_line(0, ">>INVLD\n"));
    CHECK(request_line(5, ">>INVLD\n"));
}

static void a_response_is_a_line_with_the_name_of_its_status(void)
{
    static const struct {
        UINT8 status;
        const char *end;
    } rows[] = {
        { 0x04, "<<Write Status=CONDITION_MET SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x08, "<<Write Status=BUSY SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x18, "<<Write Status=RESERVATION_CONFLICT SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x28, "<<Write Status=TASK_SET_FULL SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x30, "<<Write Status=ACA_ACTIVE SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x40, "<<Write Status=TASK_ABORTED SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
        { 0x41, "<<Write Status=UNKNOWN SenseKey=NO_SENSE ASC/ASCQ=0/0\n" },
    };
    UINT64 information = 0x20000000b;

    ZeroMemory(&log_response, sizeof log_response);
    CHECK(response_line(1, "<<Read  Status=GOOD\n"));
    CHECK(response_line(3, "<<Flush Status=GOOD\n"));
    CHECK(response_line(4, "<<Unmap Status=GOOD\n"));
    CHECK(response_line(9, "<<INVLD Status=GOOD\n"));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        log_response.Status.ScsiStatus = rows[i].status;
        CHECK(response_line(2, rows[i].end));
    }
    SpdStorageUnitStatusSetSense(&log_response.Status, 9, 0x0c, NULL);
    CHECK(response_line(
        2, "<<Write Status=CHECK_CONDITION SenseKey=VENDOR_SPECIFIC ASC/ASCQ=12/0\n"));
    SpdStorageUnitStatusSetSense(&log_response.Status, 0x0c, 0, NULL);
    CHECK(response_line(2, "<<Write Status=CHECK_CONDITION SenseKey=UNKNOWN ASC/ASCQ=0/0\n"));
    SpdStorageUnitStatusSetSense(&log_response.Status, 0x0d, 0, NULL);
    CHECK(response_line(2, "<<Write Status=CHECK_CONDITION SenseKey=VOL_OVERFLOW ASC/ASCQ=0/0\n"));
    SpdStorageUnitStatusSetSense(&log_response.Status, 0x13, 0, NULL);
    CHECK(response_line(2, "<<Write Status=CHECK_CONDITION SenseKey=UNKNOWN ASC/ASCQ=0/0\n"));
    SpdStorageUnitStatusSetSense(&log_response.Status, 3, 0x0c, &information);
    CHECK(response_line(2,
        "<<Write Status=CHECK_CONDITION SenseKey=MEDIUM_ERROR ASC/ASCQ=12/0 Information=2:b\n"));
}

static void write_debug(HANDLE handle)
{
    SpdDebugLogSetHandle(handle);
    SpdDebugLog("%s %u", "no newline", 7);
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
}

enum { LONG_TEXT = 1500, LONGEST_LINE = 1023 };

static char long_text[LONG_TEXT + 1];

static void write_long_debug(HANDLE handle)
{
    SpdDebugLogSetHandle(handle);
    SpdDebugLog("%s", long_text);
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
}

static void print_long_text(HANDLE handle)
{
    SpdPrintLog(handle, L"%S", long_text);
}

/* strlen() alone would not see that a NUL comes out as well. */
static DWORD length_written(void (*log)(HANDLE handle))
{
    memset(line, 1, sizeof line);
    written(log);
    return (DWORD)((char *)memchr(line, 1, sizeof line) - line) - 1;
}

static void a_long_line_has_1023_characters(void)
{
    memset(long_text, 'x', LONG_TEXT);
    CHECK(length_written(write_long_debug) == LONGEST_LINE && strlen(line) == LONGEST_LINE);
    CHECK(length_written(print_long_text) == LONGEST_LINE + 1 && strlen(line) == LONGEST_LINE + 1);
    CHECK(line[LONGEST_LINE] == '\n');
}

static char debugger[256];

static VOID WINAPI to_debugger(LPCSTR text)
{
    lstrcpynA(debugger, text, sizeof debugger);
}

static void the_debug_log_goes_to_a_handle_or_the_debugger(void)
{
    void *real = hook_set("OutputDebugStringA", (void *)to_debugger);

    CHECK(!strcmp(written(write_debug), "no newline 7"));
    CHECK(!debugger[0]);
    SpdDebugLog("%d", -5);
    CHECK(!strcmp(debugger, "-5"));
    hook_set("OutputDebugStringA", real);
}

/* A read, a write and a read whose answer is deferred, with this mask. */
static UINT32 logged_mask;

static void serve_logged(HANDLE handle)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    static struct message message;
    WCHAR name[64], path[72];
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    wsprintfW(name, L"\\\\.\\pipe\\spd-log-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%s\\0", name);
    SpdDebugLogSetHandle(handle);
    unit = disk_start(name, &params, 1);
    SpdStorageUnitSetDebugLogF(unit, logged_mask);
    pipe = client_open(path, &greeting);
    client_transfer(&message, 1, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    client_transfer(&message, 2, SpdIoctlTransactWriteKind, 0, 1);
    CHECK(client_call(pipe, &message, DISK_BLOCK) == 0);
    client_transfer(&message, 3, SpdIoctlTransactReadKind, DISK_DEFERRED, 1);
    CHECK(client_send(pipe, &message, 0) && disk_await(&disk_held, 1));
    disk_answer(unit, &disk_hold[0]);
    CHECK(client_receive(pipe, &message) == DISK_BLOCK);
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
    SpdDebugLogSetHandle(INVALID_HANDLE_VALUE);
}

static int count(const char *text, const char *what)
{
    int found = 0;

    while ((text = strstr(text, what))) {
        text += strlen(what);
        found++;
    }
    return found;
}

static void the_mask_chooses_kinds(void)
{
    logged_mask = 1u << SpdIoctlTransactReadKind;
    written(serve_logged);
    CHECK(count(line, ">>Read ") == 2 && count(line, "<<Read  Status=GOOD") == 2);
    CHECK(count(line, "\n") == 4);
    logged_mask = (UINT32)-1;
    written(serve_logged);
    CHECK(count(line, ">>Write") == 1 && count(line, "<<Write") == 1 && count(line, "\n") == 6);
    logged_mask = 0;
    CHECK(!written(serve_logged)[0]);
}

static void print_text(HANDLE handle)
{
    SpdPrintLog(handle, L"%s is %d", L"gr\u00fcn", 7);
}

static void print_nothing(HANDLE handle)
{
    SpdPrintLog(handle, L"%s", L"");
}

static void a_printed_text_is_a_line_of_utf8(void)
{
    CHECK(!strcmp(written(print_text), "gr\xc3\xbcn is 7\n"));
    CHECK(!written(print_nothing)[0]);
}

static struct {
    WCHAR source[32], name[64], text[64];
    WORD type, category, strings;
    DWORD id, data;
    int opened, closed;
} event;

static HANDLE WINAPI open_source(LPCWSTR server, LPCWSTR source)
{
    CHECK(!server);
    lstrcpynW(event.source, source, 32);
    event.opened++;
    return (HANDLE)&event;
}

static BOOL WINAPI close_source(HANDLE log)
{
    CHECK(log == (HANDLE)&event);
    event.closed++;
    return TRUE;
}

static BOOL WINAPI report(HANDLE log, WORD type, WORD category, DWORD id, PSID user, WORD strings,
    DWORD data, LPCWSTR *text, LPVOID raw)
{
    CHECK(log == (HANDLE)&event && !user && !raw);
    event.type = type;
    event.category = category;
    event.id = id;
    event.strings = strings;
    event.data = data;
    lstrcpynW(event.name, text[0], 64);
    lstrcpynW(event.text, text[1], 64);
    return TRUE;
}

static bool visible;

static BOOL WINAPI station_flags(HANDLE station, int index, PVOID flags, DWORD size, LPDWORD needed)
{
    (void)station;
    (void)needed;
    CHECK(index == UOI_FLAGS && size >= sizeof(USEROBJECTFLAGS));
    ((USEROBJECTFLAGS *)flags)->dwFlags = visible ? WSF_VISIBLE : 0;
    return TRUE;
}

static void *system_functions[4];

static void hook_events(void)
{
    ZeroMemory(&event, sizeof event);
    system_functions[0] = hook_set("RegisterEventSourceW", (void *)open_source);
    system_functions[1] = hook_set("ReportEventW", (void *)report);
    system_functions[2] = hook_set("DeregisterEventSource", (void *)close_source);
    system_functions[3] = hook_set("GetUserObjectInformationW", (void *)station_flags);
}

static void unhook_events(void)
{
    hook_set("RegisterEventSourceW", system_functions[0]);
    hook_set("ReportEventW", system_functions[1]);
    hook_set("DeregisterEventSource", system_functions[2]);
    hook_set("GetUserObjectInformationW", system_functions[3]);
}

static void an_event_has_its_source_id_and_texts(void)
{
    static const struct {
        ULONG type;
        DWORD id;
    } rows[] = {
        { EVENTLOG_INFORMATION_TYPE, 0x60000001 },
        { EVENTLOG_SUCCESS, 0x60000001 },
        { EVENTLOG_WARNING_TYPE, 0xa0000001 },
        { EVENTLOG_ERROR_TYPE, 0xe0000001 },
    };

    hook_events();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SpdEventLog(rows[i].type, L"%s: %lu", L"disk", 12ul);
        CHECK(event.type == rows[i].type && event.id == rows[i].id);
    }
    unhook_events();
    CHECK(!lstrcmpW(event.source, L"WinSpd") && event.strings == 2);
    CHECK(!lstrcmpW(event.name, L"winspd-tests-" ARCH) && !lstrcmpW(event.text, L"disk: 12"));
    CHECK(event.category == 0 && event.data == 0);
    CHECK(event.opened == 4 && event.closed == 4);
}

static void the_event_viewer_has_a_message_for_each_id(void)
{
    static const DWORD ids[] = { 0x60000001, 0xa0000001, 0xe0000001 };
    DWORD_PTR texts[2] = { (DWORD_PTR)L"disk", (DWORD_PTR)L"it has gone" };
    HMODULE module = GetModuleHandleW(L"winspd-" ARCH ".dll");
    WCHAR text[64];

    for (unsigned i = 0; i < 3; i++) {
        text[0] = 0;
        FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, module, ids[i],
            0, text, 64, (va_list *)texts);
        CHECK(!wcscmp(text, L"disk: it has gone\r\n"));
    }
}

static void log_for_service(HANDLE handle)
{
    HANDLE before = GetStdHandle(STD_ERROR_HANDLE);

    SetStdHandle(STD_ERROR_HANDLE, handle);
    SpdServiceLog(EVENTLOG_WARNING_TYPE, L"%s", L"careful");
    SetStdHandle(STD_ERROR_HANDLE, before);
}

static void a_service_logs_where_it_is_seen(void)
{
    hook_events();
    visible = true;
    CHECK(!strcmp(written(log_for_service), "careful\n"));
    CHECK(event.opened == 0);
    visible = false;
    CHECK(!written(log_for_service)[0]);
    CHECK(event.opened == 1 && event.id == 0xa0000001 && !lstrcmpW(event.text, L"careful"));
    unhook_events();
}

const struct test log_tests[] = {
    { "debug log: a request is a line", a_request_is_a_line },
    { "debug log: a response is a line, with the name of its status",
        a_response_is_a_line_with_the_name_of_its_status },
    { "debug log: it goes to a handle or to the debugger",
        the_debug_log_goes_to_a_handle_or_the_debugger },
    { "debug log: a long line has 1,023 characters", a_long_line_has_1023_characters },
    { "debug log: the mask chooses kinds", the_mask_chooses_kinds },
    { "a printed text is a line of UTF-8", a_printed_text_is_a_line_of_utf8 },
    { "event log: an event has its source, id and texts", an_event_has_its_source_id_and_texts },
    { "event log: the viewer has a message for each id",
        the_event_viewer_has_a_message_for_each_id },
    { "a service logs where it is seen", a_service_logs_where_it_is_seen },
    { 0 }
};
