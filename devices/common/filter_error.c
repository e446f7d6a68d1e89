/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* error: operations fail, are told to have been hard, never end, or are lost. The seed alone
 * decides which operations these are. */

#include "filter.h"
#include "later.h"

enum { MEDIUM, RECOVERED, HARDWARE, BUSY, HANG, LOST };
static const char *const kinds[] = { "medium", "recovered", "hardware", "busy", "hang", "lost",
    NULL };

struct error {
    struct filter filter;
    _Atomic uint32_t kind;
    _Atomic uint32_t operations; /* 0: those of the kind */
    struct filter_lbas lbas;
    _Atomic uint64_t rate, skip, count;
    union {
        uint64_t seed;
        _Atomic uint64_t random;
    };
    struct later later;
    uint64_t met; /* the operations that skip and count are for; later.monitor guards it */
};

#define AT(member) .offset = offsetof(struct error, member)

static const struct filter_option options[] = {
    { "kind", "medium, recovered, hardware, busy, hang or lost", FILTER_WORD, .words = kinds,
        .initial = "medium", .live = true, AT(kind) },
    { "on", "the operations (read+write; of a lost one: flush)", FILTER_OPERATIONS,
        .live = true, AT(operations) },
    { "lba", "operations with one of these blocks: 5, 5-9, 5-", FILTER_LBAS, .initial = "0-",
        AT(lbas) },
    { "rate", "so many of these, in percent", FILTER_PERCENT, .initial = "100", .live = true,
        AT(rate) },
    { "skip", "the first so many of these are spared", FILTER_NUMBER, .max = UINT64_MAX,
        .initial = "0", .live = true, AT(skip) },
    { "count", "no more than so many; 0: all", FILTER_NUMBER, .max = UINT64_MAX, .initial = "0",
        .live = true, AT(count) },
    { "seed", "another series of random choices", FILTER_NUMBER, .max = UINT64_MAX, .initial = "1",
        AT(seed) },
};

/* The first block of this range that is among the bad ones. */
static bool meets(const struct error *error, uint64_t lba, uint64_t blocks, uint64_t *bad)
{
    uint64_t last = blocks ? lba + (blocks - 1) : UINT64_MAX; /* a flush of 0 blocks: all */

    if (lba > error->lbas.last || last < error->lbas.first)
        return false;
    *bad = lba > error->lbas.first ? lba : error->lbas.first;
    return true;
}

static bool concerns(const struct error *error, const spd_request *request, uint64_t *bad)
{
    uint32_t count = 0;
    const spd_range *ranges = spd_request_ranges(request, &count);

    if (!ranges)
        return meets(error, spd_request_lba(request), spd_request_blocks(request), bad);
    for (uint32_t i = 0; i < count; i++)
        if (meets(error, ranges[i].lba, ranges[i].blocks, bad))
            return true;
    return false;
}

/* The last flush is no part of a test. */
static bool is_its_turn(struct error *error)
{
    uint64_t skip = error->skip, count = error->count;
    bool turn;

    monitor_lock(error->later.monitor);
    turn = !error->later.stopped && error->met >= skip && (!count || error->met - skip < count);
    error->met++;
    monitor_unlock(error->later.monitor);
    return turn;
}

enum { LOSABLE = 1u << SPD_WRITE | 1u << SPD_FLUSH | 1u << SPD_UNMAP | 1u << SPD_WRITE_ZEROES };

/* While values change, the operations may still be those of another kind. A read must never be
 * lost: its buffer would go to the initiator. */
static uint32_t operations_of(const struct error *error, uint32_t kind)
{
    uint32_t operations = error->operations;

    if (!operations)
        operations = kind == LOST ? 1u << SPD_FLUSH : 1u << SPD_READ | 1u << SPD_WRITE;
    return kind == LOST ? operations & LOSABLE : operations;
}

static bool chooses(struct error *error, uint32_t kind, const spd_request *request, uint64_t *bad)
{
    return filter_has(operations_of(error, kind), request) && concerns(error, request, bad) &&
        filter_chance(&error->random, error->rate) && is_its_turn(error);
}

static spd_status status_of(uint32_t kind, const spd_request *request, uint64_t bad)
{
    spd_status status = { 0 };

    switch (kind) {
    case MEDIUM:
        if (spd_request_operation(request) == SPD_READ)
            spd_status_set(
                &status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, &bad);
        else
            spd_status_set(&status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR, &bad);
        break;
    case RECOVERED:
        spd_status_set(
            &status, SPD_SENSE_RECOVERED_ERROR, SPD_ASC_RECOVERED_DATA_WITH_RETRIES, &bad);
        break;
    case HARDWARE:
        spd_status_set(&status, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, NULL);
        break;
    case BUSY: spd_status_set_busy(&status); break;
    case HANG: status = (spd_status){ .scsi_status = SPD_STATUS_CHECK_CONDITION,
        .sense_key = SPD_SENSE_ABORTED_COMMAND }; break;
    default: break; /* a lost operation ends GOOD */
    }
    return status;
}

static void submit(spd_device *device, spd_request *request)
{
    struct error *error = device->context;
    uint64_t bad = 0;
    uint32_t kind = error->kind;
    bool chosen = chooses(error, kind, request, &bad);
    spd_status status;

    spd_request_set_context(request, NULL);
    if (!chosen || kind == RECOVERED) {
        /* The LBA is not kept: `returned` finds it again. */
        spd_request_set_context(request, chosen ? error : NULL);
        spd_request_pass(request, &error->filter.below);
        return;
    }
    status = status_of(kind, request, bad);
    if (kind == HANG)
        later_add(&error->later, request, &status, LATER_NEVER);
    else
        spd_request_complete(request, &status);
}

static void returned(spd_device *device, spd_request *request, const spd_status *status)
{
    struct error *error = device->context;
    spd_status recovered;
    uint64_t bad = 0;

    if (status->scsi_status != SPD_STATUS_GOOD || !spd_request_context(request)) {
        spd_request_complete(request, status);
        return;
    }
    concerns(error, request, &bad);
    recovered = status_of(RECOVERED, request, bad);
    spd_request_complete(request, &recovered);
}

static void abort_one(spd_device *device, spd_request *request)
{
    later_abort(&((struct error *)device->context)->later, request);
}

static void stop(spd_device *device)
{
    struct error *error = device->context;

    later_stop(&error->later);
    spd_device_stop(&error->filter.below);
}

static bool check(const struct filter *filter, char message[FILTER_MESSAGE_MAX])
{
    const struct error *error = (const struct error *)filter;

    if (error->kind != LOST || !(error->operations & ~(uint32_t)LOSABLE))
        return true;
    snprintf(message, FILTER_MESSAGE_MAX,
        "filter error: only write, flush, unmap and zero can be lost");
    return false;
}

static void changed(struct filter *filter)
{
    struct error *error = (struct error *)filter;

    monitor_lock(error->later.monitor);
    error->met = 0;
    monitor_unlock(error->later.monitor);
}

static bool open_error(struct filter *filter)
{
    return later_open(&((struct error *)filter)->later);
}

static bool close_error(struct filter *filter, bool served)
{
    (void)served;
    later_close(&((struct error *)filter)->later);
    return true;
}

const struct filter_type filter_error = {
    .name = "error",
    .help = "operations fail, hang or are lost",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct error),
    .ops = { FILTER_OPS, .submit = submit, .returned = returned, .abort = abort_one, .stop = stop,
        .request_size = sizeof(struct later_entry) },
    .check = check,
    .open = open_error,
    .changed = changed,
    .close = close_error,
};
