/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* error: operations fail, are told to have been hard, never end, or are lost. The seed alone
 * decides which operations these are. */

#include "filter_choice.h"
#include "filter_fault.h"
#include "later.h"

struct error {
    struct filter filter;
    _Atomic uint32_t kind;
    struct filter_choice choice;
    struct later later; /* its lock guards the count of choice, too */
};

#define AT(member) .offset = offsetof(struct error, member)

static const struct filter_option options[] = {
    { "kind", "medium, recovered, hardware, busy, hang or lost", FILTER_WORD,
        .words = filter_faults, .initial = "medium", .live = true, AT(kind) },
    { "on", "the operations (read+write; of a lost one: flush)", FILTER_OPERATIONS,
        .live = true, AT(choice.operations) },
    FILTER_CHOICE_OPTIONS(struct error),
};

enum { LOSABLE = 1u << SPD_WRITE | 1u << SPD_FLUSH | 1u << SPD_UNMAP | 1u << SPD_WRITE_ZEROES };

/* While values change, the operations may still be those of another kind. A read must never be
 * lost: its buffer would go to the initiator. */
static uint32_t operations_of(const struct error *error, uint32_t kind)
{
    uint32_t operations = error->choice.operations;

    if (!operations)
        operations = kind == FAULT_LOST ? 1u << SPD_FLUSH : 1u << SPD_READ | 1u << SPD_WRITE;
    return kind == FAULT_LOST ? operations & LOSABLE : operations;
}

/* The last flush is no part of a test. */
static bool chooses(struct error *error, uint32_t kind, const spd_request *request, uint64_t *bad)
{
    bool chosen = filter_choice_takes(&error->choice, operations_of(error, kind), request, bad);

    if (chosen) {
        monitor_lock(error->later.monitor);
        chosen = filter_choice_counts(&error->choice) && !error->later.stopped;
        monitor_unlock(error->later.monitor);
    }
    return chosen;
}

static void submit(spd_device *device, spd_request *request)
{
    struct error *error = device->context;
    uint64_t bad = 0;
    uint32_t kind = error->kind;
    bool chosen = chooses(error, kind, request, &bad);
    spd_status status;

    spd_request_set_context(request, NULL);
    if (!chosen || kind == FAULT_RECOVERED) {
        /* The LBA is not kept: `returned` finds it again. */
        spd_request_set_context(request, chosen ? error : NULL);
        spd_request_pass(request, &error->filter.below);
        return;
    }
    status = filter_fault_status(kind, request, bad);
    if (kind == FAULT_HANG)
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
    filter_choice_meets(&error->choice, request, &bad);
    recovered = filter_fault_status(FAULT_RECOVERED, request, bad);
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

    if (error->kind != FAULT_LOST || !(error->choice.operations & ~(uint32_t)LOSABLE))
        return true;
    snprintf(message, FILTER_MESSAGE_MAX,
        "filter error: only write, flush, unmap and zero can be lost");
    return false;
}

static void changed(struct filter *filter)
{
    struct error *error = (struct error *)filter;

    monitor_lock(error->later.monitor);
    error->choice.met = 0;
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
