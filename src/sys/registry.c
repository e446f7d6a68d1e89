/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The values of the service key. Values that are out of range count as missing. */

#include "sys.h"

static const struct {
    const WCHAR *name;
    ULONG offset;
    ULONG otherwise, least, most;
} values[] = {
    { L"StorageUnitCapacity", FIELD_OFFSET(struct sys_settings, capacity),
        SPD_IOCTL_STORAGE_UNIT_CAPACITY, SPD_IOCTL_STORAGE_UNIT_CAPACITY,
        SPD_IOCTL_STORAGE_UNIT_LIMIT },
    { L"ServerTimeout", FIELD_OFFSET(struct sys_settings, timeout), 60, 1, 3600 },
};

static ULONG read_value(HANDLE key, const WCHAR *name, ULONG otherwise)
{
    union {
        KEY_VALUE_PARTIAL_INFORMATION information;
        UCHAR bytes[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    } value;
    UNICODE_STRING text;
    ULONG length, number;

    RtlInitUnicodeString(&text, name);
    if (!NT_SUCCESS(ZwQueryValueKey(
            key, &text, KeyValuePartialInformation, &value, sizeof value, &length)))
        return otherwise;
    if (value.information.Type != REG_DWORD || value.information.DataLength != sizeof number)
        return otherwise;
    memcpy(&number, value.information.Data, sizeof number);
    return number;
}

void sys_registry_read(PUNICODE_STRING path, struct sys_settings *settings)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE key = NULL;

    InitializeObjectAttributes(
        &attributes, path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)))
        key = NULL;
    settings->ignored = 0;
    for (unsigned i = 0; i < ARRAYSIZE(values); i++) {
        ULONG number = values[i].otherwise;

        if (key)
            number = read_value(key, values[i].name, number);
        if (number < values[i].least || number > values[i].most) {
            number = values[i].otherwise;
            settings->ignored++;
        }
        *(ULONG *)((UCHAR *)settings + values[i].offset) = number;
    }
    if (key)
        ZwClose(key);
}
