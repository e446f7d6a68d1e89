/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <string.h>

#include "lib/door.h"
#include "lib/hex.h"
#include "lib/misuse.h"
#include "os/os.h"

enum { GUID = 16 };

/* The name space of our version-5 GUIDs; it was random once, and never changes. */
static const uint8_t name_space[GUID] = { 0xb1, 0x7a, 0x0d, 0x52, 0x6c, 0x3e, 0x4f, 0x91, 0xa8,
    0x25, 0x9d, 0x43, 0xe6, 0x18, 0x70, 0xcf };

void spd_guid_from_name(const char *name, uint8_t guid[16])
{
    uint8_t digest[OS_HASH_MAX];

    /* RFC 4122 4.3 */
    SPD_NEEDS(name);
    SPD_NEEDS(guid);
    if (!os_hash(OS_SHA1, name_space, sizeof name_space, name, strlen(name), digest))
        spd_misuse(__func__, "the system has no SHA-1, or may not use it, and there is no other "
            "identity to give");
    memcpy(guid, digest, GUID);
    guid[6] = (guid[6] & 0x0f) | 0x50;
    guid[8] = (guid[8] & 0x3f) | 0x80;
}

void spd_guid_format(const uint8_t guid[16], char text[37])
{
    SPD_NEEDS(guid);
    SPD_NEEDS(text);
    scsi_guid_text(guid, text);
}

int spd_guid_parse(const char *text, uint8_t guid[16])
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    uint8_t parsed[GUID] = { 0 };
    unsigned digits = 0;

    SPD_NEEDS(text);
    SPD_NEEDS(guid);
    if (strlen(text) != sizeof shape - 1)
        return spd_fail(SPD_ERROR_TEXT, "a GUID has 36 characters as in %s", shape);
    for (unsigned i = 0; shape[i]; i++) {
        int digit = spd_hex_value(text[i]);

        if (shape[i] == '-' ? text[i] != '-' : digit < 0)
            return spd_fail(SPD_ERROR_TEXT, "character %u of the GUID '%s' is not as in %s", i + 1,
                text, shape);
        if (shape[i] == 'x') {
            parsed[digits / 2] = (uint8_t)(parsed[digits / 2] << 4 | digit);
            digits++;
        }
    }
    memcpy(guid, parsed, sizeof parsed);
    return 0;
}
