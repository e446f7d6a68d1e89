/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Lines for an administrator or a debugger: events of units, never of single requests.
 * StorPortLogSystemEvent() and DbgPrintEx() are both allowed up to DISPATCH_LEVEL; no lock is held.
 */

#include "sys.h"

enum {
    LIMIT = 8,       /* events of a kind that are logged... */
    PERIOD = 60,     /* ...within so many seconds; the rest is counted */
    TEXT_MAX = 72,   /* StorPort takes 150 bytes of strings: 75 characters of two */
    FROM_IHV = 77,   /* DPFLTR_IHVDRIVER_ID */
};

/* Also DbgPrintEx()'s levels: a debugger shows errors unless its filter says otherwise. */
enum level { ERRORS, WARNINGS, NOTES, DETAILS };

/* '#' is the unit's number, '%' the event's, '@' the driver's version. Details are for debuggers
 * alone. */
static const struct {
    enum level level;
    const char *text;
} events[] = {
    [SYS_EVENT_PROVISIONED] = { NOTES, "unit #: created by process %" },
    [SYS_EVENT_TAKEN_OVER] = { NOTES, "unit #: taken over by process %" },
    [SYS_EVENT_UNPROVISIONED] = { NOTES, "unit #: removed by its program" },
    [SYS_EVENT_EJECTED] = { NOTES, "unit #: removed with its disk" },
    [SYS_EVENT_DIED] = { WARNINGS, "unit #: removed, its program ended" },
    [SYS_EVENT_ORPHANED] = { WARNINGS, "unit #: its program ended, it waits % s" },
    [SYS_EVENT_GRACE_OVER] = { ERRORS, "unit #: removed, no program came back" },
    [SYS_EVENT_TIMED_OUT] = { ERRORS, "unit #: requests not served in time: %" },
    [SYS_EVENT_VALUES_IGNORED] = { WARNINGS, "registry values out of range: %" },
    [SYS_EVENT_OTHER_USER] = { WARNINGS, "unit #: waits for another user than process %'s" },
    [SYS_EVENT_REFUSED] = { DETAILS, "process %: a unit's parameters are refused" },
    [SYS_EVENT_OTHER_VERSION] = { WARNINGS,
        "unit #: its program speaks version %, this driver @" },
    [SYS_EVENT_OTHER_DLL] = { ERRORS, "process %: its winspd DLL is not this driver's, remove it" },
};
C_ASSERT(ARRAYSIZE(events) == SYS_EVENT_COUNT);

/* The event in events.mc: "device: text". */
static const ULONG messages[] = {
    [ERRORS] = 0xe0010001, [WARNINGS] = 0xa0010001, [NOTES] = 0x60010001,
};

/* Appends; the part that does not fit is lost. */
static void put(WCHAR text[TEXT_MAX], char c)
{
    ULONG length = 0;

    while (text[length])
        length++;
    if (length + 1 < TEXT_MAX)
        text[length] = (UCHAR)c;
}

static void put_number(WCHAR text[TEXT_MAX], ULONG number)
{
    ULONG divisor = 1;

    while (number / divisor >= 10)
        divisor *= 10;
    for (; divisor; divisor /= 10)
        put(text, (char)('0' + number / divisor % 10));
}

static void put_event(WCHAR text[TEXT_MAX], enum sys_event event, UINT32 btl, ULONG number)
{
    for (const char *at = events[event].text; *at; at++) {
        if (*at == '#')
            put_number(text, sys_unit_number(btl));
        else if (*at == '%')
            put_number(text, number);
        else if (*at == '@')
            put_number(text, sys_version.number);
        else
            put(text, *at);
    }
}

static void put_lost(WCHAR text[TEXT_MAX], ULONG lost)
{
    put(text, ' ');
    put(text, '(');
    put(text, '+');
    put_number(text, lost);
    put(text, ')');
}

/* False: there were too many of this kind. The next event counts the lost ones. */
_Requires_lock_not_held_(adapter->lock)
static bool allowed(struct sys_adapter *adapter, enum sys_event event, ULONG *lost)
{
    struct sys_log *log;
    uint32_t now = adapter->ticks;
    bool allow;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    log = &adapter->logs[event];
    if (!log->count || now - log->begin >= PERIOD) {
        log->begin = now;
        log->count = 0;
    }
    allow = log->count < LIMIT;
    if (allow) {
        log->count++;
        *lost = log->lost;
        log->lost = 0;
    } else {
        log->lost++;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return allow;
}

static void to_event_log(struct sys_adapter *adapter, enum sys_event event, WCHAR *text)
{
    PWSTR strings[] = { text };
    STOR_LOG_EVENT_DETAILS details = {
        .InterfaceRevision = STOR_CURRENT_LOG_INTERFACE_REVISION,
        .Size = sizeof details,
        .EventAssociation = StorEventAdapterAssociation,
        .ErrorCode = messages[events[event].level],
        .UniqueId = event,
        .StringCount = 1,
        .StringList = strings,
    };

    StorPortExtendedFunction(STOR_FUNCTION_LOG_SYSTEM_EVENT, adapter, &details, NULL);
}

void sys_log(struct sys_adapter *adapter, enum sys_event event, UINT32 btl, ULONG number)
{
    WCHAR text[TEXT_MAX] = { 0 };
    char narrow[TEXT_MAX];
    ULONG lost;

    if (!allowed(adapter, event, &lost))
        return;
    put_event(text, event, btl, number);
    if (lost)
        put_lost(text, lost);
    /* %ls would need PASSIVE_LEVEL. */
    for (unsigned i = 0; i < TEXT_MAX; i++)
        narrow[i] = (char)text[i];
    DbgPrintEx(FROM_IHV, events[event].level, "WinSpd: %s\n", narrow);
    if (events[event].level < DETAILS)
        to_event_log(adapter, event, text);
}
