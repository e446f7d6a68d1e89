/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "cow.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spd/spd.h>

enum { DATA_ALIGNMENT = 1 << 20, BATCH = 64, STATES = 4 /* in a byte */ };

/* In the byte order of the machine: the file belongs to it. */
struct cow_header {
    char magic[8];
    uint64_t block_count;
    uint32_t block_length;
    uint32_t byte_order;
    uint8_t guid[16];
};
static const char magic[8] = "SPDCOW2";
enum { BYTE_ORDER_MARK = 0x01020304 };

__attribute__((format(printf, 2, 3)))
static bool fail(char message[COW_MESSAGE_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, COW_MESSAGE_MAX, format, args);
    va_end(args);
    return false;
}

/* 0 or an errno; the end of the file is EIO. */
static int read_at(int fd, void *buffer, size_t length, uint64_t offset)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, (char *)buffer + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return EIO;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_at(int fd, const void *buffer, size_t length, uint64_t offset)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pwrite(fd, (const char *)buffer + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The header comes last: a file without it was never a disk's. */
static bool make(struct cow *cow, const uint8_t guid[16], char message[COW_MESSAGE_MAX])
{
    struct cow_header header = { .block_count = cow->block_count,
        .block_length = cow->block_length, .byte_order = BYTE_ORDER_MARK };
    uint64_t end = cow->data + cow->block_count * cow->block_length;

    memcpy(header.magic, magic, sizeof magic);
    memcpy(header.guid, guid, sizeof header.guid);
    if (ftruncate(cow->fd, (off_t)end) == 0 && fsync(cow->fd) == 0 &&
        write_at(cow->fd, &header, sizeof header, 0) == 0 && fsync(cow->fd) == 0 &&
        state_sync_directory(cow->path) == 0)
        return true;
    return fail(message, "cannot make %s: %s", cow->path, strerror(errno));
}

static bool is_of_another(const uint8_t one[16], const uint8_t other[16])
{
    static const uint8_t none[16];

    return memcmp(one, none, sizeof none) != 0 && memcmp(other, none, sizeof none) != 0 &&
        memcmp(one, other, sizeof none) != 0;
}

static bool check(const struct cow *cow, const uint8_t guid[16], const struct stat *st,
    char message[COW_MESSAGE_MAX])
{
    struct cow_header header;
    char of_file[37], of_disk[37];

    if ((uint64_t)st->st_size < sizeof header ||
        read_at(cow->fd, &header, sizeof header, 0) != 0 ||
        memcmp(header.magic, magic, sizeof magic) != 0 || header.byte_order != BYTE_ORDER_MARK)
        return fail(message, "%s is no file of the filter cow: name another one", cow->path);
    if (header.block_count != cow->block_count || header.block_length != cow->block_length)
        return fail(message, "%s has changes of a disk of %" PRIu64 " blocks of %" PRIu32
            " bytes, and this one has %" PRIu64 " of %" PRIu32 ": name another file", cow->path,
            header.block_count, header.block_length, cow->block_count, cow->block_length);
    spd_guid_format(header.guid, of_file);
    spd_guid_format(guid, of_disk);
    if (is_of_another(header.guid, guid))
        return fail(message, "%s has changes of the disk with --guid %s, and this is another one, "
            "%s: name another file", cow->path, of_file, of_disk);
    if ((uint64_t)st->st_size < cow->data + cow->block_count * cow->block_length)
        return fail(message, "%s is cut short: its changes are lost", cow->path);
    return true;
}

/* Only the parts of the file that have data are read, so that the rest takes no memory. */
static bool load(struct cow *cow, char message[COW_MESSAGE_MAX])
{
    uint64_t end = COW_PAGE + cow->pages * COW_PAGE;
    off_t at = COW_PAGE;

    while ((at = lseek(cow->fd, at, SEEK_DATA)) >= 0 && (uint64_t)at < end) {
        uint64_t length = end - (uint64_t)at;
        off_t hole = lseek(cow->fd, at, SEEK_HOLE);

        if (hole > at && (uint64_t)(hole - at) < length)
            length = (uint64_t)(hole - at);
        if (length > DATA_ALIGNMENT)
            length = DATA_ALIGNMENT;
        if (read_at(cow->fd, (uint8_t *)(uintptr_t)cow->states + (at - COW_PAGE), length,
                (uint64_t)at) != 0)
            return fail(message, "cannot read %s: %s", cow->path, strerror(errno));
        at += (off_t)length;
    }
    return true;
}

bool cow_open(struct cow *cow, const char *path, const uint8_t guid[16], uint64_t block_count,
    uint32_t block_length, char message[COW_MESSAGE_MAX])
{
    uint64_t bytes = (block_count + STATES - 1) / STATES;
    struct stat st;

    *cow = (struct cow){ .fd = -1, .path = path, .block_count = block_count,
        .block_length = block_length, .pages = (bytes + COW_PAGE - 1) / COW_PAGE };
    cow->data = (COW_PAGE + cow->pages * COW_PAGE + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT *
        DATA_ALIGNMENT;
    if (block_count > (INT64_MAX - cow->data) / block_length)
        return fail(message, "the disk is too large for a file of its changes");
    cow->flushing = monitor_new();
    cow->states = calloc(cow->pages, COW_PAGE);
    cow->dirty = calloc(cow->pages, sizeof *cow->dirty);
    if (!cow->flushing || !cow->states || !cow->dirty)
        return fail(message, "there is no memory for the states of %" PRIu64 " blocks",
            block_count);
    cow->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (cow->fd < 0 || fstat(cow->fd, &st) != 0)
        return fail(message, "cannot open %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(message, "%s is no regular file: name another one", path);
    if (flock(cow->fd, LOCK_EX | LOCK_NB) != 0)
        return fail(message, "%s is in use by another program: %s", path, strerror(errno));
    if (st.st_size == 0)
        return make(cow, guid, message);
    return check(cow, guid, &st, message) && load(cow, message);
}

void cow_close(struct cow *cow)
{
    if (cow->fd >= 0)
        close(cow->fd);
    free((void *)(uintptr_t)cow->states);
    free((void *)(uintptr_t)cow->dirty);
    monitor_delete(cow->flushing);
}

void cow_remove(const struct cow *cow)
{
    unlink(cow->path);
}

/* A damaged file may have a value that is no state: the block is zeros then. */
static enum cow_state state_of(const struct cow *cow, uint64_t lba)
{
    unsigned state = cow->states[lba / STATES] >> lba % STATES * 2 & 3;

    return state <= COW_ZERO ? (enum cow_state)state : COW_ZERO;
}

enum cow_state cow_run(const struct cow *cow, uint64_t lba, uint64_t most, uint64_t *length)
{
    enum cow_state state = state_of(cow, lba);

    for (*length = 1; *length < most && state_of(cow, lba + *length) == state; ++*length)
        continue;
    return state;
}

void cow_set(struct cow *cow, uint64_t lba, uint64_t blocks, enum cow_state state)
{
    for (uint64_t end = lba + blocks; lba < end; lba++) {
        unsigned shift = lba % STATES * 2;
        _Atomic uint8_t *at = &cow->states[lba / STATES];
        uint8_t before = atomic_load(at), after;

        do
            after = (uint8_t)((before & ~(3u << shift)) | (unsigned)state << shift);
        while (!atomic_compare_exchange_weak(at, &before, after));
        if (after != before)
            atomic_store(&cow->dirty[lba / STATES / COW_PAGE], true);
    }
}

int cow_read(const struct cow *cow, void *buffer, uint64_t lba, uint64_t blocks)
{
    return read_at(cow->fd, buffer, blocks * cow->block_length,
        cow->data + lba * cow->block_length);
}

int cow_write(struct cow *cow, const void *buffer, uint64_t lba, uint64_t blocks)
{
    return write_at(cow->fd, buffer, blocks * cow->block_length,
        cow->data + lba * cow->block_length);
}

struct batch {
    uint8_t pages[BATCH][COW_PAGE];
    uint64_t numbers[BATCH];
    unsigned count;
};

/* Copies dirty pages from page `from` on; returns the page to go on with. */
static uint64_t gather(struct cow *cow, struct batch *batch, uint64_t from)
{
    for (batch->count = 0; from < cow->pages && batch->count < BATCH; from++) {
        const _Atomic uint8_t *states = &cow->states[from * COW_PAGE];
        uint8_t *copy = batch->pages[batch->count];

        if (!atomic_exchange(&cow->dirty[from], false))
            continue;
        for (unsigned i = 0; i < COW_PAGE; i++)
            copy[i] = atomic_load_explicit(&states[i], memory_order_relaxed);
        batch->numbers[batch->count++] = from;
    }
    return from;
}

/* The copies are older than the first fdatasync(), and so is the data that they tell of. */
static int write_states(struct cow *cow, struct batch *batch)
{
    uint64_t from = 0;

    do {
        from = gather(cow, batch, from);
        if (fdatasync(cow->fd) != 0)
            return errno;
        for (unsigned i = 0; i < batch->count; i++) {
            int error = write_at(cow->fd, batch->pages[i], COW_PAGE,
                COW_PAGE + batch->numbers[i] * COW_PAGE);

            if (error)
                return error;
        }
    } while (from < cow->pages);
    return batch->count || cow->pages > BATCH ? (fdatasync(cow->fd) == 0 ? 0 : errno) : 0;
}

int cow_flush(struct cow *cow)
{
    struct batch *batch = malloc(sizeof *batch);
    int error;

    if (!batch)
        return ENOMEM; /* all is still dirty */
    monitor_lock(cow->flushing);
    if (!cow->lost)
        cow->lost = write_states(cow, batch);
    error = cow->lost;
    monitor_unlock(cow->flushing);
    free(batch);
    return error ? EIO : 0;
}
