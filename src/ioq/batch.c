/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "ioq/batch.h"

#include <string.h>

bool ioq_batch_spend(size_t *room, uint32_t length)
{
    size_t head = sizeof(struct ioq_entry);

    if (*room < head || *room - head < length || *room < ioq_entry_size(length))
        return false;
    *room -= ioq_entry_size(length);
    return true;
}

bool ioq_batch_check(const void *entries, size_t length, uint32_t count)
{
    const uint8_t *at = entries;

    for (; count; count--) {
        struct ioq_entry head;

        if (length < sizeof head)
            return false;
        memcpy(&head, at, sizeof head);
        if (head.reserved || !ioq_batch_spend(&length, head.length))
            return false;
        at += ioq_entry_size(head.length);
    }
    return length == 0;
}

struct ioq_entry *ioq_batch_add(struct ioq_batch *batch, uint32_t length)
{
    struct ioq_entry *entry = (struct ioq_entry *)(batch->base + batch->used);
    size_t left = batch->room - batch->used;
    size_t padding = ioq_entry_size(length) - sizeof *entry - length;

    if (!ioq_batch_spend(&left, length))
        return NULL;
    batch->used = batch->room - left;
    batch->count++;
    memset(entry, 0, sizeof *entry);
    entry->length = length;
    memset((uint8_t *)ioq_entry_data(entry) + length, 0, padding);
    return entry;
}
