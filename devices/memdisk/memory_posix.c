/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int memory_open(struct memory *memory, uint64_t size)
{
    /* NORESERVE: a disk may be larger than the machine's memory, as long as its contents are
     * not. */
    void *base = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return errno;
    *memory = (struct memory){
        .base = base,
        .size = size,
        .page = (uint64_t)sysconf(_SC_PAGESIZE),
        .pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
    };
    return 0;
}

void memory_close(struct memory *memory)
{
    if (memory->base)
        munmap(memory->base, (size_t)memory->size);
    if (memory->base && memory->pages >= 0)
        close(memory->pages);
    *memory = (struct memory){ 0 };
}

void memory_read(const struct memory *memory, void *buffer, size_t length, uint64_t offset)
{
    memcpy(buffer, memory->base + offset, length);
}

int memory_write(struct memory *memory, const void *buffer, size_t length, uint64_t offset)
{
    memcpy(memory->base + offset, buffer, length);
    return 0;
}

int memory_zero(struct memory *memory, uint64_t offset, uint64_t length)
{
    memset(memory->base + offset, 0, (size_t)length);
    return 0;
}

/* A word of the list for each page. mincore() would not do: it takes pages that were swapped out
 * for pages that were never written. */
enum { WORDS = 512 };
static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62;

/* How many words at the begin are alike. */
static size_t count_alike(const uint64_t *words, size_t count, bool hole)
{
    size_t alike = 0;

    while (alike < count && !(words[alike] & (present | swapped)) == hole)
        alike++;
    return alike;
}

int memory_run(
    const struct memory *memory, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole)
{
    uint64_t words[WORDS], first = offset / memory->page, at = first;
    uint64_t last = (limit + memory->page - 1) / memory->page;
    size_t count, alike;

    do {
        uint64_t where = ((uintptr_t)memory->base / memory->page + at) * sizeof *words;
        size_t want = last - at < WORDS ? (size_t)(last - at) : WORDS;
        ssize_t n = pread(memory->pages, words, want * sizeof *words, (off_t)where);

        if (n < (ssize_t)sizeof *words)
            return n < 0 ? errno : EIO;
        count = (size_t)n / sizeof *words;
        if (at == first)
            *hole = !(words[0] & (present | swapped));
        alike = count_alike(words, count, *hole);
        at += alike;
    } while (alike == count && at < last);
    *end = at * memory->page;
    return 0;
}

void memory_unmap(struct memory *memory, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    uint64_t first = (offset + memory->page - 1) / memory->page * memory->page;
    uint64_t last = end / memory->page * memory->page;

    /* Private anonymous pages read as zeros after MADV_DONTNEED. If the system refuses (locked
     * memory), writing zeros does the same, but gives nothing back. */
    if (first >= last ||
        madvise(memory->base + first, (size_t)(last - first), MADV_DONTNEED) != 0) {
        memset(memory->base + offset, 0, (size_t)length);
        return;
    }
    memset(memory->base + offset, 0, (size_t)(first - offset));
    memset(memory->base + last, 0, (size_t)(end - last));
}
