/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "stgtest/pattern.h"

enum expectation {
    EXPECT_NOTHING,
    EXPECT_PATTERN,
    EXPECT_ZEROS,
};

/* A cycle: every operation of the set, on one range. */
struct cycle {
    uint64_t lba;
    uint32_t blocks;
    enum expectation expectation;
};

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [TRANSACT_READ] = "Read",
        [TRANSACT_WRITE] = "Write",
        [TRANSACT_FLUSH] = "Flush",
        [TRANSACT_UNMAP] = "Unmap",
    };

    return names[kind];
}

static uint8_t kind_of(char letter)
{
    switch (letter) {
    case 'R':
        return TRANSACT_READ;
    case 'W':
        return TRANSACT_WRITE;
    case 'F':
        return TRANSACT_FLUSH;
    default:
        return TRANSACT_UNMAP;
    }
}

static void report(const struct transact_request *request, const char *what, const char *detail)
{
    fprintf(stderr, "%s(Address=%" PRIx32 ":%" PRIx32 ", Count=%" PRIu32 "): %s: %s\n",
        kind_name(request->kind), (uint32_t)(request->lba >> 32), (uint32_t)request->lba,
        request->blocks, what, detail);
}

static int check_response(const struct transact_request *request,
    const struct transact_response *response)
{
    const struct transact_status *s = &response->status;
    char detail[128];

    if (response->hint != request->hint) {
        report(request, "condition fail", "Rsp.Hint == Req.Hint");
        return ERROR_IO_DEVICE;
    }
    if (response->kind != request->kind) {
        report(request, "condition fail", "Rsp.Kind == Req.Kind");
        return ERROR_IO_DEVICE;
    }
    if (s->scsi_status != 0) {
        snprintf(detail, sizeof detail,
            "Rsp.Status.ScsiStatus == GOOD (it is %u, SenseKey=%u ASC/ASCQ=%02x/%02x)",
            s->scsi_status, s->sense_key, s->asc, s->ascq);
        report(request, "condition fail", detail);
        return ERROR_IO_DEVICE;
    }
    return 0;
}

static int check_data(const struct target *target, const struct transact_request *request,
    enum expectation expectation, const uint8_t *buffer)
{
    uint64_t word = 0;
    size_t at;

    if (expectation == EXPECT_PATTERN)
        at = pattern_check(buffer, request->lba, request->blocks, target->block_length);
    else
        at = pattern_check_zero(buffer, (size_t)request->blocks * target->block_length);
    if (at == SIZE_MAX)
        return 0;
    if (expectation == EXPECT_PATTERN)
        word = pattern_word(request->lba + at / target->block_length);
    report(request, "bad buffer", expectation == EXPECT_PATTERN ? "after Write" : "after Unmap");
    fprintf(stderr, "block %" PRIu64 " byte %zu is 0x%02x and should be 0x%02x\n",
        request->lba + at / target->block_length, at % target->block_length, buffer[at],
        (unsigned)(word >> (8 * (at % 8)) & 0xff));
    return ERROR_IO_DEVICE;
}

static int operate(struct target *target, struct transact_request *request, struct cycle *cycle,
    uint8_t *buffer)
{
    size_t length = (size_t)request->blocks * target->block_length;
    struct transact_response response;
    char number[16];
    int error;

    if (request->kind == TRANSACT_WRITE)
        pattern_fill(buffer, request->lba, request->blocks, target->block_length);
    else if (request->kind == TRANSACT_READ && cycle->expectation != EXPECT_NOTHING)
        memset(buffer, 0x55, length); /* so that an answer without data cannot pass */
    error = target->ops->transact(target, request, buffer, &response);
    if (error) {
        snprintf(number, sizeof number, "%d", error);
        report(request, "transact error", number);
        return error;
    }
    error = check_response(request, &response);
    if (error)
        return error;
    if (request->kind == TRANSACT_WRITE)
        cycle->expectation = EXPECT_PATTERN;
    else if (request->kind == TRANSACT_UNMAP)
        cycle->expectation = EXPECT_ZEROS;
    else if (request->kind == TRANSACT_READ && cycle->expectation != EXPECT_NOTHING)
        error = check_data(target, request, cycle->expectation, buffer);
    return error;
}

/* The range of the next cycle. The address is drawn before the count. In fixed mode the next
 * address follows the count of the command line, even if the end of the unit cut it. */
static void next_cycle(const struct target *target, const struct run_options *options,
    struct generator *generator, uint64_t *next, struct cycle *cycle)
{
    uint32_t max = target->max_transfer_length / target->block_length;
    uint32_t blocks = options->blocks;

    cycle->expectation = EXPECT_NOTHING;
    cycle->lba = (options->random_address ? generator_u64(generator) : *next) % target->block_count;
    if (options->random_blocks) {
        blocks = generator_u32(generator) % max;
        if (blocks == 0)
            blocks = 1;
    }
    if (blocks > max)
        blocks = max;
    *next = cycle->lba + blocks;
    cycle->blocks = blocks;
    if (blocks > target->block_count - cycle->lba)
        cycle->blocks = (uint32_t)(target->block_count - cycle->lba);
}

static void draw_progress(uint64_t done, uint64_t count, uint64_t *last)
{
    uint64_t now = os_now_ns();

    if (done < count && now - *last < 200000000)
        return;
    *last = now;
    fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " operations, %u %%", done, count,
        (unsigned)((double)done * 100 / (double)count));
    if (done == count)
        fputc('\n', stderr);
}

int run(struct target *target, const struct run_options *options, struct run_totals *totals)
{
    size_t op_count = strlen(options->ops);
    uint64_t thread = (uint64_t)target_thread_id() << 32;
    uint64_t next = options->address;
    uint64_t drawn = 0;
    struct generator generator;
    struct cycle cycle = { 0 };
    void *buffer = target_buffer_new(target->max_transfer_length);
    int error = 0;

    if (!buffer) {
        fprintf(stderr, "stgtest: no memory for a buffer of %u bytes\n",
            target->max_transfer_length);
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    generator_seed(&generator, options->seed);
    for (uint64_t i = 0; i < options->count && !error; i++) {
        struct transact_request request = {
            .hint = thread | (uint32_t)i,
            .kind = kind_of(options->ops[i % op_count]),
            .fua = !target->cache,
        };

        if (i % op_count == 0)
            next_cycle(target, options, &generator, &next, &cycle);
        request.lba = cycle.lba;
        request.blocks = cycle.blocks;
        error = operate(target, &request, &cycle, buffer);
        totals->operations++;
        if (request.kind == TRANSACT_READ || request.kind == TRANSACT_WRITE)
            totals->bytes += (uint64_t)request.blocks * target->block_length;
        if (options->progress && !error)
            draw_progress(i + 1, options->count, &drawn);
    }
    target_buffer_free(buffer);
    return error;
}
