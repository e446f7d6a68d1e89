/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* All failing ends of a task. No other file writes sense data (SPC-4 4.5). */

#include "scsi/internal.h"

struct sense_code {
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
};

static const struct sense_code codes[] = {
    [SCSI_NO_SENSE] = { 0x0, 0x00, 0x00 },
    [SCSI_INVALID_FIELD_IN_INFORMATION_UNIT] = { 0x5, 0x0e, 0x03 },
    [SCSI_PARAMETER_LIST_LENGTH_ERROR] = { 0x5, 0x1a, 0x00 },
    [SCSI_INVALID_OPERATION_CODE] = { 0x5, 0x20, 0x00 },
    [SCSI_LBA_OUT_OF_RANGE] = { 0x5, 0x21, 0x00 },
    [SCSI_INVALID_FIELD_IN_CDB] = { 0x5, 0x24, 0x00 },
    [SCSI_LUN_NOT_SUPPORTED] = { 0x5, 0x25, 0x00 },
    [SCSI_INVALID_FIELD_IN_PARAMETER_LIST] = { 0x5, 0x26, 0x00 },
    [SCSI_INVALID_RELEASE] = { 0x5, 0x26, 0x04 },
    [SCSI_SAVING_NOT_SUPPORTED] = { 0x5, 0x39, 0x00 },
    [SCSI_INSUFFICIENT_REGISTRATION_RESOURCES] = { 0x5, 0x55, 0x04 },
    [SCSI_WRITE_PROTECTED] = { 0x7, 0x27, 0x00 },
    [SCSI_SOFTWARE_WRITE_PROTECTED] = { 0x7, 0x27, 0x02 },
    [SCSI_MISCOMPARE] = { 0xe, 0x1d, 0x00 },
};

/* A pointer to the field in error (SPC-4 4.5.2.4.2). */
struct field_pointer {
    bool valid;
    bool in_cdb; /* else in the parameter list */
    uint16_t byte;
    uint8_t bit; /* most significant bit of the field, or SCSI_WHOLE_BYTE */
};

struct scsi_outcome scsi_reason_outcome(enum scsi_reason reason)
{
    const struct sense_code *code = &codes[reason];

    return (struct scsi_outcome){
        .status = SCSI_CHECK_CONDITION,
        .sense_key = code->key,
        .asc = code->asc,
        .ascq = code->ascq,
    };
}

static void write_field_pointer(uint8_t *specific, const struct field_pointer *field)
{
    specific[0] = 0x80 | (field->in_cdb ? 0x40 : 0);
    if (field->bit != SCSI_WHOLE_BYTE)
        specific[0] |= 0x08 | field->bit;
    be16_put(specific + 1, field->byte);
}

/* SPC-4 4.5.3 */
static uint8_t write_fixed(uint8_t *sense, const struct scsi_outcome *outcome,
    const struct field_pointer *field)
{
    enum { LENGTH = 18 };

    memset(sense, 0, LENGTH);
    sense[0] = 0x70;
    sense[2] = outcome->sense_key & 0x0f;
    /* An LBA that does not fit is left out, rather than wrong. */
    if (outcome->information_valid && outcome->information <= UINT32_MAX) {
        sense[0] |= 0x80;
        be32_put(sense + 3, (uint32_t)outcome->information);
    }
    sense[7] = LENGTH - 8;
    sense[12] = outcome->asc;
    sense[13] = outcome->ascq;
    if (field->valid)
        write_field_pointer(sense + 15, field);
    return LENGTH;
}

/* SPC-4 4.5.2 */
static uint8_t write_descriptors(uint8_t *sense, const struct scsi_outcome *outcome,
    const struct field_pointer *field)
{
    uint8_t length = 8;

    memset(sense, 0, 8);
    sense[0] = 0x72;
    sense[1] = outcome->sense_key & 0x0f;
    sense[2] = outcome->asc;
    sense[3] = outcome->ascq;
    if (outcome->information_valid) {
        uint8_t *descriptor = sense + length;

        memset(descriptor, 0, 12);
        descriptor[1] = 0x0a;
        descriptor[2] = 0x80;
        be64_put(descriptor + 4, outcome->information);
        length += 12;
    }
    if (field->valid) {
        uint8_t *descriptor = sense + length;

        memset(descriptor, 0, 8);
        descriptor[0] = 0x02;
        descriptor[1] = 0x06;
        write_field_pointer(descriptor + 4, field);
        length += 8;
    }
    sense[7] = length - 8;
    return length;
}

static uint8_t write_sense(uint8_t *sense, const struct scsi_outcome *outcome,
    const struct field_pointer *field, bool descriptor)
{
    return descriptor ? write_descriptors(sense, outcome, field)
                      : write_fixed(sense, outcome, field);
}

uint8_t scsi_sense_build(uint8_t *sense, const struct scsi_outcome *outcome, bool descriptor)
{
    return write_sense(sense, outcome, &(struct field_pointer){ .valid = false }, descriptor);
}

static void set_status(struct scsi_task *task, const struct scsi_outcome *outcome,
    const struct field_pointer *field)
{
    bool descriptor = task->unit && (scsi_mode(task->unit) & SCSI_MODE_D_SENSE);

    task->status = outcome->status;
    task->sense_length = outcome->status == SCSI_CHECK_CONDITION
        ? write_sense(task->sense, outcome, field, descriptor) : 0;
}

void scsi_report_completed(struct scsi_task *task)
{
    set_status(task, &task->outcome, &(struct field_pointer){ .valid = false });
}

static enum scsi_step fail(struct scsi_task *task, const struct scsi_outcome *outcome,
    const struct field_pointer *field)
{
    task->outcome = *outcome;
    set_status(task, outcome, field);
    task->reply = NULL;
    task->moved_length = 0;
    task->residual = task->expected_length;
    task->overflow = false;
    task->underflow = task->expected_length != 0;
    return SCSI_DONE;
}

enum scsi_step scsi_fail_outcome(struct scsi_task *task, const struct scsi_outcome *outcome)
{
    return fail(task, outcome, &(struct field_pointer){ .valid = false });
}

enum scsi_step scsi_fail(struct scsi_task *task, enum scsi_reason reason)
{
    struct scsi_outcome outcome = scsi_reason_outcome(reason);

    return scsi_fail_outcome(task, &outcome);
}

enum scsi_step scsi_fail_information(struct scsi_task *task, enum scsi_reason reason,
    uint64_t information)
{
    struct scsi_outcome outcome = scsi_reason_outcome(reason);

    outcome.information_valid = true;
    outcome.information = information;
    return scsi_fail_outcome(task, &outcome);
}

static enum scsi_step fail_field(struct scsi_task *task, enum scsi_reason reason, bool in_cdb,
    unsigned byte, unsigned bit)
{
    struct scsi_outcome outcome = scsi_reason_outcome(reason);
    struct field_pointer field = {
        .valid = true,
        .in_cdb = in_cdb,
        .byte = (uint16_t)byte,
        .bit = (uint8_t)bit,
    };

    return fail(task, &outcome, &field);
}

enum scsi_step scsi_fail_cdb(struct scsi_task *task, unsigned byte, unsigned bit)
{
    return fail_field(task, SCSI_INVALID_FIELD_IN_CDB, true, byte, bit);
}

enum scsi_step scsi_fail_parameter(struct scsi_task *task, unsigned byte, unsigned bit)
{
    return fail_field(task, SCSI_INVALID_FIELD_IN_PARAMETER_LIST, false, byte, bit);
}

void scsi_task_fail(struct scsi_task *task, const struct scsi_outcome *outcome)
{
    scsi_fail_outcome(task, outcome);
}
