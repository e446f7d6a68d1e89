/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* server LOG MODE ...: noting.h. Its MODE who notes whether it has an administrator's rights. */

#include "noting.h"

static void note_who(void)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    BOOL is = FALSE;

    CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size);
    note(CheckTokenMembership(NULL, sid, &is) && is ? L"administrator" : L"user");
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    const struct noting noting = {
        .count = count, .words = words, .log = 1, .first = 0, .note_who = note_who,
    };

    return noting_run(&noting);
}
