/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "identity.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spd/spd.h>

void identity_machine(uint8_t machine[16], char text[IDENTITY_MACHINE_MAX])
{
    static const uint8_t none[16];
    char name[IDENTITY_MACHINE_MAX + 8];
    DWORD size = IDENTITY_MACHINE_MAX;
    uint8_t guid[16];

    memset(machine, 0, 16);
    if (RegGetValueA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography", "MachineGuid",
            RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, text, &size) != ERROR_SUCCESS)
        text[0] = '\0';
    if (spd_guid_parse(text, guid) != 0 || memcmp(guid, none, sizeof none) == 0)
        return;
    snprintf(name, sizeof name, "machine:%s", text);
    spd_guid_from_name(name, machine);
}

void identity_image(const struct image *image, struct state *state)
{
    BY_HANDLE_FILE_INFORMATION file;
    WCHAR system[32] = L"";

    /* A disk has no number, and FAT invents its numbers anew. */
    if (image->block_device ||
        !GetVolumeInformationByHandleW(
            image->handle, NULL, 0, NULL, NULL, NULL, system, sizeof system / sizeof *system) ||
        wcsstr(system, L"FAT") || !GetFileInformationByHandle(image->handle, &file))
        return;
    state->inode = (uint64_t)file.nFileIndexHigh << 32 | file.nFileIndexLow;
}

const char *identity_folder(void)
{
    static char folder[MAX_PATH + 16];
    const char *data = getenv("ProgramData");

    snprintf(folder, sizeof folder, "%.*s\\WinSpd", MAX_PATH, data ? data : "C:\\ProgramData");
    return folder;
}

void identity_make_folder(void)
{
    CreateDirectoryA(identity_folder(), NULL);
}
