/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/designator.h"

#include <string.h>

#include "launch/hex.h"

/* STORAGE_DEVICE_DESCRIPTOR: where it says how far the vendor's text is from its begin. */
enum { VENDOR_OFFSET_AT = 12 };
static const char vendor[] = "WinSpd  ";

/* STORAGE_DEVICE_ID_DESCRIPTOR: its size, its number of identifiers, and the first of them. */
enum { SIZE_AT = 4, COUNT_AT = 8, IDENTIFIERS_AT = 12 };
/* STORAGE_IDENTIFIER. */
enum {
    CODE_SET_AT = 0,
    TYPE_AT = 4,
    SIZE_OF_AT = 8,
    NEXT_AT = 10,
    ASSOCIATION_AT = 12,
    DATA_AT = 16
};
/* SPC-4 7.8.6.1 */
enum { BINARY = 1, ASCII = 2, VENDOR_SPECIFIC = 0, T10_VENDOR = 1, LOGICAL_UNIT = 0 };
enum { GUID_TEXT = LAUNCH_GUID_TEXT };
/* The page of INQUIRY: its code, and the length of its head and of each designator's. */
enum { DEVICE_IDENTIFICATION = 0x83, HEAD = 4 };

struct identifier {
    uint32_t code_set, type, association;
    const uint8_t *data;
    size_t length;
};

/* Structures of Windows are little-endian, as all that runs it. */
static uint32_t le16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t le32(const uint8_t *at)
{
    return le16(at) | le16(at + 2) << 16;
}

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool launch_designator_is_ours(const void *descriptor, size_t length)
{
    const uint8_t *bytes = descriptor;
    uint32_t at;

    if (length < VENDOR_OFFSET_AT + 4)
        return false;
    at = le32(bytes + VENDOR_OFFSET_AT);
    /* With its NUL: nothing may follow. */
    return at && at <= length && length - at >= sizeof vendor &&
           memcmp(bytes + at, vendor, sizeof vendor) == 0;
}

static bool read_process(const struct identifier *found, struct launch_owner *owner)
{
    if (found->code_set != BINARY || found->type != VENDOR_SPECIFIC || found->length != 8 ||
        memcmp(found->data, "PID", 3) != 0 || (found->data[3] != ' ' && found->data[3] != 'X'))
        return false;
    owner->hides_eject = found->data[3] == 'X';
    owner->pid = be32(found->data + 4);
    return owner->pid != 0;
}

bool launch_guid_parse(const char text[LAUNCH_GUID_TEXT], uint8_t guid[16])
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    uint8_t parsed[16] = { 0 };
    unsigned digits = 0;

    for (unsigned i = 0; i < GUID_TEXT; i++) {
        int digit = launch_hex_value(text[i]);

        if (shape[i] == '-' ? text[i] != '-' : digit < 0)
            return false;
        if (shape[i] == '-')
            continue;
        parsed[digits / 2] = (uint8_t)(parsed[digits / 2] << 4 | digit);
        digits++;
    }
    memcpy(guid, parsed, sizeof parsed);
    return true;
}

/* SPC-4 7.8.6.4, of every profile: it ends with the serial number, which is the GUID. */
static void read_guid(const struct identifier *found, struct launch_owner *owner)
{
    if (found->code_set != ASCII || found->type != T10_VENDOR || found->length < 8 + GUID_TEXT ||
        memcmp(found->data, vendor, 8) != 0)
        return;
    owner->has_guid = launch_guid_parse(
        (const char *)found->data + found->length - GUID_TEXT, owner->guid);
}

/* False: there is no whole identifier at this place. */
static bool read_identifier(const uint8_t *at, size_t room, struct identifier *found)
{
    if (room < DATA_AT)
        return false;
    *found = (struct identifier){
        .code_set = le32(at + CODE_SET_AT),
        .type = le32(at + TYPE_AT),
        .association = le32(at + ASSOCIATION_AT),
        .data = at + DATA_AT,
        .length = le16(at + SIZE_OF_AT),
    };
    return found->length <= room - DATA_AT;
}

/* The first that names a process, and the first with a GUID. */
static void read_one(const struct identifier *found, bool *has_process, struct launch_owner *owner)
{
    if (found->association != LOGICAL_UNIT)
        return;
    if (!*has_process)
        *has_process = read_process(found, owner);
    if (!owner->has_guid)
        read_guid(found, owner);
}

bool launch_designator_read(const void *descriptor, size_t length, struct launch_owner *owner)
{
    const uint8_t *bytes = descriptor;
    struct identifier found;
    size_t at = IDENTIFIERS_AT;
    bool has_process = false;

    *owner = (struct launch_owner){ 0 };
    if (length < IDENTIFIERS_AT)
        return false;
    if (length > le32(bytes + SIZE_AT))
        length = le32(bytes + SIZE_AT);
    for (uint32_t left = le32(bytes + COUNT_AT); left && at <= length; left--) {
        uint32_t next;

        if (!read_identifier(bytes + at, length - at, &found))
            break;
        read_one(&found, &has_process, owner);
        next = (uint32_t)le16(bytes + at + NEXT_AT);
        if (!next)
            break;
        at += next;
    }
    if (!has_process)
        *owner = (struct launch_owner){ 0 };
    return has_process;
}

/* SPC-4 7.8.6: a head of four bytes, and designators, each of which has a head of four bytes. */
bool launch_designator_read_page(const void *page, size_t length, struct launch_owner *owner)
{
    const uint8_t *bytes = page;
    struct identifier found;
    bool has_process = false;
    size_t end;

    *owner = (struct launch_owner){ 0 };
    if (length < HEAD || bytes[1] != DEVICE_IDENTIFICATION)
        return false;
    end = HEAD + (be32(bytes) & 0xffff);
    if (end > length)
        end = length;
    for (size_t at = HEAD; end - at >= HEAD; at += HEAD + found.length) {
        found = (struct identifier){
            .code_set = bytes[at] & 0xf,
            .type = bytes[at + 1] & 0xf,
            .association = bytes[at + 1] >> 4 & 3,
            .data = bytes + at + HEAD,
            .length = bytes[at + 3],
        };
        if (found.length > end - at - HEAD)
            break;
        read_one(&found, &has_process, owner);
    }
    if (!has_process)
        *owner = (struct launch_owner){ 0 };
    return has_process;
}
