/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/vhost/dirty.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "doors/vhost/protocol.h"

const char *vhost_dirty_map(struct vhost_dirty *dirty, uint64_t size, uint64_t offset, int fd)
{
    struct stat st;
    void *mapping;

    vhost_dirty_unmap(dirty);
    if (size == 0 || size + offset < size || size + offset > PTRDIFF_MAX)
        return "a dirty log of an impossible size";
    if (fstat(fd, &st) || (S_ISREG(st.st_mode) && (uint64_t)st.st_size < size + offset))
        return "a dirty log that is longer than its file";
    mapping =
        mmap(NULL, (size_t)(size + offset), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED)
        return "a dirty log that cannot be mapped";
    dirty->mapping = mapping;
    dirty->mapping_length = (size_t)(size + offset);
    dirty->size = size;
    dirty->bits = (_Atomic uint8_t *)(void *)((uint8_t *)mapping + offset);
    return NULL;
}

void vhost_dirty_unmap(struct vhost_dirty *dirty)
{
    if (dirty->mapping)
        munmap(dirty->mapping, dirty->mapping_length);
    *dirty = (struct vhost_dirty){ 0 };
}

void vhost_dirty_mark(const struct vhost_dirty *dirty, uint64_t guest, uint64_t length)
{
    uint64_t page = guest / VHOST_LOG_PAGE, last;

    if (!dirty->bits || length == 0)
        return;
    last = (guest + length - 1) / VHOST_LOG_PAGE;
    for (; page <= last && page / 8 < dirty->size; page++)
        atomic_fetch_or(&dirty->bits[page / 8], (uint8_t)(1u << page % 8));
}
