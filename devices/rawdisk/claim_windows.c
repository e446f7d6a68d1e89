/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A claim is two mutexes that nobody locks: one named by the identity, one by identity and file.
 * If the first exists and the second does not, the claim is for another file. */

#include "claim.h"
#include "image_os.h"

#include <windows.h>

#include <stdio.h>

#include <spd/spd.h>

/* NULL with *existed: another user has it, and does not let this process open it. */
static void *take(const char *name, bool *existed)
{
    HANDLE handle = CreateMutexA(NULL, FALSE, name);
    DWORD error = GetLastError();

    *existed = error == ERROR_ALREADY_EXISTS || error == ERROR_ACCESS_DENIED;
    return handle;
}

enum claim_result claim_identity(struct claim *claim, const struct image *image, const char *guid,
    char message[IMAGE_MESSAGE_MAX])
{
    char name[128], file_text[37];
    bool file_existed, existed;
    uint8_t file[16];

    message[0] = '\0';
    /* Its path has characters that a name must not have. While it is served it keeps its path. */
    spd_guid_from_name(image->name, file);
    spd_guid_format(file, file_text);
    snprintf(name, sizeof name, "Global\\winspd-disk-%s-%s", guid, file_text);
    claim->handles[0] = take(name, &file_existed);
    snprintf(name, sizeof name, "Global\\winspd-disk-%s", guid);
    claim->handles[1] = take(name, &existed);
    if (!existed || file_existed)
        return CLAIM_OK;
    image_fail(message, IMAGE_FAILED, "image %s: another program serves another image with the "
        "same identity %s, and initiators would take both for one disk; end that program, or give "
        "this disk another --guid", image->path, guid);
    claim_release(claim);
    return CLAIM_REFUSED;
}

void claim_release(struct claim *claim)
{
    for (int i = 0; i < 2; i++) {
        if (claim->handles[i])
            CloseHandle(claim->handles[i]);
        claim->handles[i] = NULL;
    }
}
