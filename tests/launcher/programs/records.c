/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Records of the event log with the source WinSpd. Two logs have such a source, and Windows decides
 * to which a record goes. Wine keeps none: there the variable WINSPD_TESTS_RECORDS names the file
 * into which Wine prints what ReportEvent() is called with.
 */

#include "launched.h"

#include <stdarg.h>

enum { PARTS = 8, LINE = 4096 };

static const char *const logs[] = { "Application", "System" };
static const char printed[] = ":eventlog:ReportEventW L\"";

static const char *file_of_wine(void)
{
    const char *path = getenv("WINSPD_TESTS_RECORDS");

    if (path)
        return path;
    if (GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version"))
        skip("Wine keeps no event log, and WINSPD_TESTS_RECORDS names no file of its trace");
    return NULL;
}

/* The number of the record that comes next. */
static DWORD next_record(const char *log)
{
    HANDLE source = OpenEventLogA(NULL, log);
    DWORD oldest = 0, count = 0;

    if (!source)
        return 0;
    GetOldestEventLogRecord(source, &oldest);
    GetNumberOfEventLogRecords(source, &count);
    CloseEventLog(source);
    return oldest + count;
}

struct records records_now(void)
{
    const char *path = file_of_wine();
    struct records now = { { 0 } };
    FILE *file;

    if (path) {
        file = fopen(path, "rb");
        CHECK(file && !fseek(file, 0, SEEK_END));
        now.next[0] = (DWORD)ftell(file);
        fclose(file);
        return now;
    }
    for (unsigned i = 0; i < 2; i++)
        now.next[i] = next_record(logs[i]);
    return now;
}

static bool has_parts(const char *text, const char *const *parts)
{
    for (; *parts; parts++) {
        text = strstr(text, *parts);
        if (!text)
            return false;
        text += strlen(*parts);
    }
    return true;
}

static bool is_printed(const char *path, DWORD from, const char *const *parts)
{
    char line[LINE];
    bool found = false;
    FILE *file = fopen(path, "rb");

    CHECK(file && !fseek(file, (long)from, SEEK_SET));
    while (!found && fgets(line, sizeof line, file)) {
        const char *text = strstr(line, printed);

        found = text && has_parts(text + sizeof printed - 1, parts);
    }
    fclose(file);
    return found;
}

/* Its strings, one behind the other; never more than the record has. */
static void read_strings(const EVENTLOGRECORD *record, char text[LINE])
{
    const char *end = (const char *)record + record->Length;
    const wchar_t *from = (const wchar_t *)((const char *)record + record->StringOffset);
    size_t used = 0;

    for (WORD left = record->NumStrings; left && (const char *)(from + 1) <= end && used + 4 < LINE;
         from++) {
        left -= !*from;
        text[used++] = *from ? (char)*from : ' ';
    }
    text[used] = 0;
}

static bool is_ours(const EVENTLOGRECORD *record)
{
    return !wcscmp((const wchar_t *)(record + 1), L"WinSpd");
}

static bool is_logged(const char *log, DWORD from, const char *const *parts)
{
    static BYTE room[65536];
    char text[LINE];
    HANDLE source = OpenEventLogA(NULL, log);
    DWORD flags = EVENTLOG_SEEK_READ | EVENTLOG_FORWARDS_READ, got, needed;
    bool found = false;

    if (!source || from >= next_record(log)) {
        if (source)
            CloseEventLog(source);
        return false;
    }
    while (!found && ReadEventLogW(source, flags, from, room, sizeof room, &got, &needed)) {
        for (DWORD at = 0; at + sizeof(EVENTLOGRECORD) <= got && !found;) {
            const EVENTLOGRECORD *record = (const EVENTLOGRECORD *)(room + at);

            if (record->Length < sizeof *record || record->Length > got - at)
                break;
            read_strings(record, text);
            found = is_ours(record) && has_parts(text, parts);
            at += record->Length;
        }
        flags = EVENTLOG_SEQUENTIAL_READ | EVENTLOG_FORWARDS_READ;
    }
    CloseEventLog(source);
    return found;
}

static bool is_recorded(const struct records *since, const char *const *parts)
{
    const char *path = file_of_wine();

    if (path)
        return is_printed(path, since->next[0], parts);
    return is_logged(logs[0], since->next[0], parts) || is_logged(logs[1], since->next[1], parts);
}

void wait_for_record(const struct records *since, ...)
{
    const char *parts[PARTS + 1] = { NULL };
    DWORD begun = GetTickCount();
    va_list arguments;

    va_start(arguments, since);
    for (unsigned i = 0; i < PARTS && (i == 0 || parts[i - 1]); i++)
        parts[i] = va_arg(arguments, const char *);
    va_end(arguments);
    while (!is_recorded(since, parts)) {
        if (GetTickCount() - begun > PATIENCE)
            fail(__FILE__, __LINE__, "no record has \"%s ... %s\"", parts[0],
                parts[1] ? parts[1] : "");
        Sleep(20);
    }
}
