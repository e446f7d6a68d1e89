/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/trouble.h"

#include <inttypes.h>
#include <string.h>

#include "lib/unit.h"

static const uint64_t minute = 60 * UINT64_C(1000000000);

const char *const spd_operation_names[] = {
    [SPD_READ] = "a read",
    [SPD_WRITE] = "a write",
    [SPD_FLUSH] = "a flush",
    [SPD_UNMAP] = "an unmap",
    [SPD_WRITE_ZEROES] = "a write of zeroes",
    [SPD_EXTENTS] = "a question about extents",
    [SPD_PREFETCH] = "a prefetch",
};

/* Advice for the operator. */
static const struct {
    uint8_t sense_key, asc, ascq;
    const char *advice;
} advices[] = {
    { SPD_SENSE_DATA_PROTECT, SPD_ASC_SPACE_ALLOCATION_FAILED_WRITE_PROTECT,
        "the disk's storage is full. Make room; initiators may then write again" },
    { SPD_SENSE_DATA_PROTECT, SPD_ASC_WRITE_PROTECTED,
        "the disk's storage does not let itself be written. See its permissions and whether it is "
        "mounted read-only" },
    { SPD_SENSE_NOT_READY, SPD_ASC_LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED,
        "the disk's storage has gone, or may not be read. Bring it back, or see its permissions" },
    { SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR,
        "these blocks cannot be read. Check the disk's storage and the system's own log" },
    { SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR,
        "written data may be lost. Check the disk's storage and the system's own log, then the "
        "contents" },
    { SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE,
        "the program that is the disk failed, or broke its contract" },
};

/* A device that says BUSY asks for patience, and knows why; with an errno value it is trouble. */
static bool is_busy_by_errno(const spd_status *status)
{
    return status->scsi_status == SPD_STATUS_BUSY && spd_status_errno(status);
}

static const char *advice_of(const spd_status *status)
{
    if (is_busy_by_errno(status))
        return "initiators try again. If it lasts, check the way to the disk's storage";
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (status->scsi_status == SCSI_CHECK_CONDITION &&
            status->sense_key == advices[i].sense_key && status->asc == advices[i].asc &&
            status->ascq == advices[i].ascq)
            return advices[i].advice;
    return NULL;
}

static int level_of(const spd_status *status)
{
    if (is_busy_by_errno(status))
        return SPD_LOG_WARNING;
    if (status->scsi_status != SCSI_CHECK_CONDITION)
        return SPD_LOG_INFO;
    return advice_of(status) ? SPD_LOG_ERROR : SPD_LOG_WARNING;
}

void spd_trouble_text(const spd_status *status, char text[SPD_TROUBLE_TEXT_MAX])
{
    int number = spd_status_errno(status);
    char sense[32];

    if (status->scsi_status == SCSI_CHECK_CONDITION)
        snprintf(sense, sizeof sense, "sense %X/%02X/%02X", status->sense_key, status->asc,
            status->ascq);
    else
        snprintf(sense, sizeof sense, "SCSI status %02Xh", status->scsi_status);
    if (number)
        snprintf(text, SPD_TROUBLE_TEXT_MAX, "%s (%s)", strerror(number), sense);
    else
        snprintf(text, SPD_TROUBLE_TEXT_MAX, "%s", sense);
}

static bool same_kind(const struct spd_trouble *kind, spd_operation operation,
    const spd_status *status)
{
    return kind->operation == operation && kind->status.scsi_status == status->scsi_status &&
        kind->status.sense_key == status->sense_key && kind->status.asc == status->asc &&
        kind->status.ascq == status->ascq &&
        spd_status_errno(&kind->status) == spd_status_errno(status);
}

static struct spd_trouble *find(struct spd_troubles *troubles, spd_operation operation,
    const spd_status *status)
{
    struct spd_trouble *found = &troubles->kinds[0];

    for (uint32_t i = 0; i < troubles->known; i++) {
        struct spd_trouble *kind = &troubles->kinds[i];

        if (same_kind(kind, operation, status))
            return kind;
        if (kind->told < found->told)
            found = kind;
    }
    if (troubles->known < SPD_TROUBLES)
        found = &troubles->kinds[troubles->known++];
    *found = (struct spd_trouble){ .operation = operation, .status = *status };
    return found;
}

static bool is_power_of_ten(uint64_t count)
{
    while (count % 10 == 0)
        count /= 10;
    return count == 1;
}

bool spd_trouble_count(struct spd_troubles *troubles, spd_operation operation,
    const spd_status *status, uint64_t now, uint64_t *count)
{
    struct spd_trouble *kind;
    bool tell;

    os_mutex_lock(&troubles->lock);
    kind = find(troubles, operation, status);
    *count = ++kind->count;
    tell = is_power_of_ten(*count) || now - kind->told >= minute;
    if (tell)
        kind->told = now;
    os_mutex_unlock(&troubles->lock);
    return tell;
}

void spd_trouble_report(
    struct spd_unit *unit, spd_operation operation, uint64_t lba, const spd_status *status)
{
    bool completed = scsi_completed(status->scsi_status, status->sense_key);
    const char *advice = advice_of(status);
    char text[SPD_TROUBLE_TEXT_MAX], where[48] = "", times[48] = "";
    uint64_t count;

    if (!spd_trouble_count(&unit->troubles, operation, status, os_now_ns(), &count))
        return;
    if (operation != SPD_FLUSH)
        snprintf(where, sizeof where, " at block %" PRIu64,
            status->information_valid ? status->information : lba);
    if (count > 1)
        snprintf(times, sizeof times, ", %" PRIu64 " times so far", count);
    spd_trouble_text(status, text);
    spd_log(level_of(status), "%s: %s %s%s%s: %s%s%s",
        unit->door_count ? unit->doors[0]->uri : "disk", spd_operation_names[operation],
        completed ? "needed recovery" : "failed", where, times, text,
        advice ? ": " : "", advice ? advice : "");
}

void spd_log_line(int level, const char *text)
{
    static struct spd_log_limit limit = { .kind = "lines of the program" };

    SPD_NEEDS(text);
    if (level < SPD_LOG_ERROR || level > SPD_LOG_DEBUG)
        level = SPD_LOG_ERROR;
    spd_log_limited(&limit, NULL, level, "%s", text);
}
