/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/vhost/memory.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "doors/vhost/protocol.h"

static bool wraps(uint64_t begin, uint64_t length)
{
    return begin + length < begin;
}

static const char *check(const struct vhost_memory_region *wanted, int fd)
{
    struct stat st;

    if (wanted->size == 0)
        return "a memory region of 0 bytes";
    if (wraps(wanted->guest, wanted->size) || wraps(wanted->user, wanted->size) ||
        wraps(wanted->offset, wanted->size) || wanted->offset + wanted->size > PTRDIFF_MAX)
        return "the addresses of a memory region wrap";
    if (fstat(fd, &st))
        return "a memory region without a file";
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < wanted->offset + wanted->size)
        return "a memory region is longer than its file";
    return NULL;
}

const char *vhost_memory_add(
    struct vhost_memory *memory, const struct vhost_memory_region *wanted, int fd)
{
    struct vhost_region *region = &memory->regions[memory->count];
    const char *why = check(wanted, fd);
    size_t length = (size_t)(wanted->offset + wanted->size);
    void *mapping;

    if (why)
        return why;
    if (memory->count == VHOST_SLOTS)
        return "more memory regions than there are slots";
    /* It begins at the file's begin: an offset within huge pages could not be mapped. */
    mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (mapping == MAP_FAILED)
        return "a memory region cannot be mapped";
    madvise(mapping, length, MADV_DONTDUMP);
    *region = (struct vhost_region){
        .guest = wanted->guest,
        .user = wanted->user,
        .size = wanted->size,
        .base = (uint8_t *)mapping + wanted->offset,
        .mapping = mapping,
        .mapping_length = length,
    };
    memory->count++;
    return NULL;
}

static void unmap(const struct vhost_region *region)
{
    if (region->mapping)
        munmap(region->mapping, region->mapping_length);
}

const char *vhost_memory_remove(
    struct vhost_memory *memory, const struct vhost_memory_region *unwanted)
{
    for (uint32_t i = 0; i < memory->count; i++) {
        struct vhost_region *region = &memory->regions[i];

        if (region->guest != unwanted->guest || region->user != unwanted->user ||
            region->size != unwanted->size)
            continue;
        unmap(region);
        *region = memory->regions[--memory->count];
        return NULL;
    }
    return "a memory region that is not there";
}

void vhost_memory_clear(struct vhost_memory *memory)
{
    for (uint32_t i = 0; i < memory->count; i++)
        unmap(&memory->regions[i]);
    memory->count = 0;
}

uint8_t *vhost_memory_at(const struct vhost_memory *memory, uint32_t *hint, uint64_t guest,
    uint64_t length, uint64_t *run)
{
    uint32_t at = *hint;

    for (uint32_t tries = 0; tries < memory->count; tries++, at++) {
        const struct vhost_region *region;
        uint64_t offset;

        if (at >= memory->count)
            at = 0;
        region = &memory->regions[at];
        offset = guest - region->guest;
        if (offset >= region->size)
            continue;
        *hint = at;
        *run = length < region->size - offset ? length : region->size - offset;
        return region->base + offset;
    }
    return NULL;
}

uint8_t *vhost_memory_of_user(const struct vhost_memory *memory, uint64_t user, uint64_t length)
{
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct vhost_region *region = &memory->regions[i];
        uint64_t offset = user - region->user;

        if (offset < region->size && length <= region->size - offset)
            return region->base + offset;
    }
    return NULL;
}

uint64_t vhost_memory_guest(const struct vhost_memory *memory, const uint8_t *place)
{
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct vhost_region *region = &memory->regions[i];
        uint64_t offset = (uint64_t)((uintptr_t)place - (uintptr_t)region->base);

        if (offset < region->size)
            return region->guest + offset;
    }
    return UINT64_MAX;
}

/* The compiler cannot look into another file, so it cannot read twice. */
void vhost_read(void *to, const void *from, size_t length)
{
    memcpy(to, from, length);
}
