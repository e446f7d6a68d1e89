/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Declarations that the files of the engine share. */

#ifndef SCSI_INTERNAL_H
#define SCSI_INTERNAL_H

#include <string.h>

#include "scsi/be.h"
#include "scsi/scsi.h"

/* Off the hot path: reads and writes pay nothing for it. */
#define SCSI_COLD __attribute__((noinline, cold))

/* On the hot path: a call would cost more than the function itself. */
#define SCSI_HOT static inline __attribute__((always_inline))

/* T10 VENDOR IDENTIFICATION (SPC-4 6.6.2), of 8 bytes. */
#define SCSI_VENDOR "WinSpd  "

/*
 * Profiles, as bits: a row of a table names those that have it.
 */
enum {
    SCSI_MODERN = 1 << SCSI_PROFILE_MODERN,
    SCSI_WINSPD = 1 << SCSI_PROFILE_WINSPD,
    SCSI_EVERY_PROFILE = SCSI_MODERN | SCSI_WINSPD,
};

static inline bool scsi_has_row(const struct scsi_unit *unit, uint8_t profiles)
{
    return profiles >> unit->params.profile & 1;
}

/*
 * The opcode table has a row for each command, the only truth about it.
 */
enum {
    SCSI_ROW_MEDIUM = 1 << 0,      /* reads or changes the medium */
    SCSI_ROW_WRITES = 1 << 1,      /* changes the medium: refused when write-protected */
    SCSI_ROW_EXCLUSIVE = 1 << 2,   /* atomic against everything else on the unit */
    SCSI_ROW_RANGE = 1 << 3,       /* LBA and block count are at the usual places for its length */
    SCSI_ROW_LIMITED = 1 << 4,     /* its block count is bounded by max_command_length */
    SCSI_ROW_NO_UNIT = 1 << 5,     /* answered also without a logical unit */
    SCSI_ROW_NO_ATTENTION = 1 << 6, /* not stopped by a unit attention (SAM-5 5.14.5) */
    SCSI_ROW_NEEDS_UNMAP = 1 << 7, /* exists only with thin provisioning */
    SCSI_ROW_UNMAP_BIT = 1 << 8,   /* byte 1 has an UNMAP bit, valid only if unmapped blocks read as
                                    * zeros */
    /* Initiators without a part in a persistent reservation may send the command (SPC-4 5.13.1,
     * SBC-3 table 13). Without these flags, only initiators with a part may send it. */
    SCSI_ROW_ALLOWED_WE = 1 << 9,  /* allowed under Write Exclusive types */
    SCSI_ROW_ALLOWED_EA = 1 << 10, /* and under Exclusive Access types */
    SCSI_ROW_ALLOWED_START = 1 << 11, /* under both with bit 0 of byte 4 (START) set */
    SCSI_ROW_ALLOWED_ZERO = 1 << 12,  /* under both with byte 4 (PREVENT) zero */
    SCSI_ROW_ALLOWED_RESERVED = 1 << 13, /* although another has sent RESERVE (SPC-2 5.5.1) */
    SCSI_ROW_ALWAYS_ANSWERED = 1 << 14, /* although others wait: see scsi_always_answered() */
    SCSI_ROW_ENTERS = 1 << 15,     /* builds a reply that exclusive tasks change: not beside one */
};

struct scsi_row {
    /* A row has one of the two. `run` is a state machine over task->phase, called at begin (phase
     * 0) and after every step that ended well. `build` makes data-in: it is called once with a
     * zeroed buffer of SCSI_REPLY_LENGTH bytes, and the row locates the allocation length. */
    enum scsi_step (*run)(struct scsi_task *task);
    enum scsi_step (*build)(struct scsi_task *task, uint8_t *reply);
    /* A row has neither for an operation code whose commands differ by service action. */
    const struct scsi_row *actions;
    uint8_t action_count;
    uint8_t length;                /* length of the CDB; 0: there is no such command */
    uint8_t direction;             /* enum scsi_direction */
    uint8_t allocation_at;         /* offset of ALLOCATION LENGTH in the CDB; 0: it has none */
    uint8_t allocation_size;
    uint16_t flags;
    /* CDB USAGE DATA (SPC-4 6.35.3): operation code and service action themselves, and ones for the
     * bits that the engine reads. The bytes past the end of the CDB are ones, too; nobody reads
     * them. */
    uint8_t usage[16];
};

enum {
    SCSI_REPLY_LENGTH = 4096, /* zeroed for a builder; it may write on up to SCSI_SCRATCH_LENGTH */
    SCSI_ACTION_MASK = 0x1f,  /* SERVICE ACTION, in byte 1 */
};

extern const struct scsi_row scsi_rows[256];

/* A block operation is a command, except that its beginning has no CDB to read. */
struct scsi_block_row {
    const struct scsi_row *row;
    enum scsi_step (*begin)(struct scsi_task *task); /* phase 0; the rest is row->run's */
    bool has_data; /* its blocks move */
    bool has_list; /* a list of ranges, instead of one */
};

extern const struct scsi_block_row scsi_block_rows[SCSI_BLOCK_OPERATIONS];

/* Whether the unit has this command (NULL: no unit, so every possible command). */
bool scsi_row_enabled(const struct scsi_row *row, const struct scsi_unit *unit);

/*
 * The reasons for which a command fails; sense.c has their key, code and qualifier.
 */
enum scsi_reason {
    SCSI_NO_SENSE,
    SCSI_INVALID_FIELD_IN_INFORMATION_UNIT,
    SCSI_PARAMETER_LIST_LENGTH_ERROR,
    SCSI_INVALID_OPERATION_CODE,
    SCSI_LBA_OUT_OF_RANGE,
    SCSI_INVALID_FIELD_IN_CDB,
    SCSI_LUN_NOT_SUPPORTED,
    SCSI_INVALID_FIELD_IN_PARAMETER_LIST,
    SCSI_INVALID_RELEASE,
    SCSI_INSUFFICIENT_REGISTRATION_RESOURCES,
    SCSI_SAVING_NOT_SUPPORTED,
    SCSI_WRITE_PROTECTED,
    SCSI_SOFTWARE_WRITE_PROTECTED,
    SCSI_MISCOMPARE,
};

enum { SCSI_WHOLE_BYTE = 8 }; /* a field pointer without bit pointer */

/* All of them end the task: use them as return scsi_fail(...). */
enum scsi_step scsi_fail(struct scsi_task *task, enum scsi_reason reason);
enum scsi_step scsi_fail_information(struct scsi_task *task, enum scsi_reason reason,
    uint64_t information);
enum scsi_step scsi_fail_cdb(struct scsi_task *task, unsigned byte, unsigned bit);
/* The number of blocks (rows with SCSI_ROW_RANGE) is not acceptable; finds its place in the CDB. */
enum scsi_step scsi_fail_blocks(struct scsi_task *task);
enum scsi_step scsi_fail_parameter(struct scsi_task *task, unsigned byte, unsigned bit);
enum scsi_step scsi_fail_outcome(struct scsi_task *task, const struct scsi_outcome *outcome);

/* The task has ended well, but has the sense of an operation that recovered from an error.
 * Everything else about its end stays. */
void scsi_report_completed(struct scsi_task *task);

/* Sense data as parameter data (REQUEST SENSE); returns its length, at most SCSI_SENSE_MAX. */
uint8_t scsi_sense_build(uint8_t *sense, const struct scsi_outcome *outcome, bool descriptor);
struct scsi_outcome scsi_reason_outcome(enum scsi_reason reason);

/* Takes the first pending unit attention of the task's nexus; false when there is none. */
bool scsi_attention_take(struct scsi_task *task, struct scsi_outcome *outcome);

/*
 * Reservations: unit->reservation is one word. So a single load shows a command that there is none,
 * and shows a waiting command that nothing has changed.
 */
enum scsi_reservation_type {
    SCSI_RESERVATION_NONE = 0x0,
    SCSI_WRITE_EXCLUSIVE = 0x1,
    SCSI_EXCLUSIVE_ACCESS = 0x3,
    SCSI_WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 0x5,
    SCSI_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 0x6,
    SCSI_WRITE_EXCLUSIVE_ALL_REGISTRANTS = 0x7,
    SCSI_EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 0x8,
    SCSI_RESERVED = 0xf, /* not persistent: by RESERVE */
};
enum {
    SCSI_RESERVATION_TYPE = 0x0f,
    SCSI_RESERVATION_HOLDER_SHIFT = 4,  /* index of the registration that holds it */
    SCSI_RESERVATION_CHANGE_SHIFT = 10, /* number of changes of reservation or registrations */
};

/* Bits of a registration's state; the rest counts how often it came to a new initiator. */
enum {
    SCSI_REGISTERED = 1 << 0,
    SCSI_RESERVATIONS_PREEMPTED = 1 << 1, /* these unit attentions are pending */
    SCSI_RESERVATIONS_RELEASED = 1 << 2,
    SCSI_REGISTRATIONS_PREEMPTED = 1 << 3,
    SCSI_REGISTRATION_ATTENTIONS = 7 << 1,
    SCSI_REGISTRATION_OWNERS = 1 << 4,
};

static inline uint8_t scsi_reservation_type(uint32_t reservation)
{
    return reservation & SCSI_RESERVATION_TYPE;
}

/* The same, of persistent ones. */
static inline uint8_t scsi_persistent_type(uint32_t reservation)
{
    uint8_t type = scsi_reservation_type(reservation);

    return type == SCSI_RESERVED ? SCSI_RESERVATION_NONE : type;
}

/* Whether all registered nexuses hold a reservation of this type (SPC-4 5.13). */
static inline bool scsi_all_registrants(uint8_t type)
{
    return type == SCSI_WRITE_EXCLUSIVE_ALL_REGISTRANTS ||
        type == SCSI_EXCLUSIVE_ACCESS_ALL_REGISTRANTS;
}

/* In an exclusive task: another reservation, or none. Whatever waits asks again. */
void scsi_reservation_set(struct scsi_unit *unit, uint8_t type, uint32_t holder);

/* Ends a reservation by RESERVE: anybody's (0), or this initiator's only. */
void scsi_reservation_drop(struct scsi_unit *unit, uint64_t initiator);

/* Whether the task's command has to be refused under this reservation. */
bool scsi_reservation_conflict(const struct scsi_task *task, uint32_t reservation);
enum scsi_step scsi_fail_conflict(struct scsi_task *task);

/* The record of the nexus, registered or not; NULL: none. */
struct scsi_registration *scsi_registration_find(
    struct scsi_unit *unit, const struct scsi_nexus *nexus);

/* Takes the nexus's first pending unit attention of those in SCSI_REGISTRATION_ATTENTIONS. */
bool scsi_registration_attention(struct scsi_unit *unit, const struct scsi_nexus *nexus,
    uint8_t code[2]);

/*
 * Mode parameters, as bits of unit->mode; all but SCSI_MODE_RCD can change.
 */
enum {
    SCSI_MODE_WCE = 1 << 0,
    SCSI_MODE_D_SENSE = 1 << 1,
    SCSI_MODE_SWP = 1 << 2,
    SCSI_MODE_RCD = 1 << 3, /* without a cache every read goes to the medium */
};

static inline uint32_t scsi_mode_default(const struct scsi_unit_params *params)
{
    return params->cache ? SCSI_MODE_WCE : SCSI_MODE_RCD;
}

static inline uint32_t scsi_mode(const struct scsi_unit *unit)
{
    return atomic_load_explicit(&unit->mode, memory_order_relaxed);
}

/*
 * Ends and transfers.
 */

/* GOOD with data-in: the builder's `length` bytes, cut to the allocation length and to the
 * initiator's expected length. */
enum scsi_step scsi_reply(struct scsi_task *task, uint64_t length);

static inline uint64_t scsi_expected(const struct scsi_task *task)
{
    return task->expected_direction == task->direction ? task->expected_length : 0;
}

bool scsi_fail_short(struct scsi_task *task);

/* Sets what the command moves. False: the task failed, since the initiator announced less data-out
 * than it needs, be it a read or one byte too few. Surplus data-out is ignored. A read that was
 * announced as a write has no room: all of it is overflow. */
static inline bool scsi_transfer(struct scsi_task *task, enum scsi_direction direction,
    uint64_t length)
{
    uint64_t expected;

    if (task->expected_direction == SCSI_ANY_DATA)
        task->expected_direction = (uint8_t)direction;
    task->direction = (uint8_t)direction;
    task->transfer_length = length;
    expected = scsi_expected(task);
    task->buffer_length = length < expected ? length : expected;
    return direction != SCSI_DATA_OUT || length <= expected || scsi_fail_short(task);
}

/* GOOD; everything that the command defines was moved. */
static inline enum scsi_step scsi_finish(struct scsi_task *task)
{
    uint64_t transfer = task->transfer_length;
    uint64_t expected = transfer ? scsi_expected(task) : task->expected_length;

    task->status = SCSI_GOOD;
    task->sense_length = 0;
    task->reply = NULL;
    task->overflow = transfer > expected;
    task->underflow = transfer < expected;
    task->residual = transfer > expected ? transfer - expected : expected - transfer;
    task->moved_length = transfer < expected ? transfer : expected;
    return SCSI_DONE;
}

/* Sets the phase to go on with and asks for a step. */
static inline enum scsi_step scsi_ask(struct scsi_task *task, enum scsi_step step, uint32_t phase)
{
    task->phase = phase;
    return step;
}

/* The next piece, of at most `most` blocks, of the task's range into task->op; false when all of
 * the range is done. The piece before counts as done once the caller adds it to task->done. A piece
 * in the scratch begins at its start. */
static inline bool scsi_next_op(struct scsi_task *task, uint32_t most)
{
    uint64_t left = task->blocks - task->done;

    if (!left)
        return false;
    task->op.lba = task->lba + task->done;
    task->op.blocks = left < most ? (uint32_t)left : most;
    task->op.offset =
        task->op.buffer == SCSI_BUFFER_DATA ? task->done << task->unit->block_shift : 0;
    return true;
}

/* How many blocks one op can move between the medium and the scratch. */
static inline uint32_t scsi_scratch_blocks(const struct scsi_unit *unit)
{
    uint32_t room = SCSI_SCRATCH_LENGTH >> unit->block_shift;

    return room < unit->op_blocks ? room : unit->op_blocks;
}

/* Whether a flush has an effect. */
static inline bool scsi_has_cache(const struct scsi_unit *unit)
{
    return unit->params.cache && !unit->params.write_protected;
}

/* Asks for a flush of the task's range, which is not empty. */
static inline enum scsi_step scsi_ask_flush(struct scsi_task *task, uint32_t phase)
{
    task->op.lba = task->lba;
    task->op.blocks = (uint32_t)task->blocks;
    task->op.offset = 0;
    return scsi_ask(task, SCSI_FLUSH, phase);
}

static inline bool scsi_has_fua_bit(const struct scsi_task *task)
{
    return task->flags & SCSI_BLOCK_FUA;
}

/* SBC-3 4.15: the FUA bit; always true without a cache, and for writes also when the cache is
 * switched off. */
static inline bool scsi_read_fua(const struct scsi_task *task, bool fua_bit)
{
    return fua_bit || !task->unit->params.cache;
}

static inline bool scsi_write_fua(const struct scsi_task *task, bool fua_bit)
{
    return fua_bit || !(scsi_mode(task->unit) & SCSI_MODE_WCE);
}

/* Whether a command whose ops were without FUA ends with a flush; an unmap never has FUA. True when
 * the cache is switched off (SBC-3 6.5.5), or a block operation has the bit. */
static inline bool scsi_must_flush(const struct scsi_task *task)
{
    return scsi_has_cache(task->unit) && scsi_write_fua(task, scsi_has_fua_bit(task));
}

/* Within the medium, whatever the numbers are. */
static inline bool scsi_range_ok(uint64_t block_count, uint64_t lba, uint64_t blocks)
{
    return lba < block_count && blocks <= block_count - lba;
}

static inline uint64_t scsi_capacity(const struct scsi_unit *unit)
{
    return atomic_load_explicit(&unit->block_count, memory_order_relaxed);
}

/*
 * Data-out, wherever its pieces are. Each byte is read once. Callers stay within buffer_length.
 */
void scsi_data_copy(const struct scsi_task *task, uint64_t offset, void *to, size_t length);
void scsi_data_or(const struct scsi_task *task, uint64_t offset, void *into, size_t length);
/* The offset of the first byte that differs, or length. */
size_t scsi_data_compare(const struct scsi_task *task, uint64_t offset, const void *with,
    size_t length);

/* Limits that VPD B0h reports, and COMPARE AND WRITE and WRITE SAME enforce. */
uint32_t scsi_compare_blocks_max(const struct scsi_unit *unit);
uint32_t scsi_write_same_blocks_max(const struct scsi_unit *unit);
uint32_t scsi_unmap_blocks_max(const struct scsi_unit *unit);

/* Blocks that one unmap operation takes: in all its ranges, and in a range that begins at lba. */
static inline uint32_t scsi_unmap_op_blocks(const struct scsi_unit *unit)
{
    uint32_t most = SCSI_UNMAP_OP_MAX >> unit->block_shift, blocks = scsi_unmap_blocks_max(unit);

    return blocks < most ? blocks : most;
}

uint32_t scsi_unmap_piece(const struct scsi_unit *unit, uint64_t lba, uint32_t blocks);

/*
 * Handlers.
 */
enum scsi_step scsi_test_unit_ready(struct scsi_task *task);
enum scsi_step scsi_request_sense(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_start_stop_unit(struct scsi_task *task);
enum scsi_step scsi_prevent_allow(struct scsi_task *task);
enum scsi_step scsi_inquiry(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_vpd(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_mode_sense(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_mode_select(struct scsi_task *task);
enum scsi_step scsi_log_sense(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_reserve(struct scsi_task *task);
enum scsi_step scsi_release(struct scsi_task *task);
enum scsi_step scsi_read_keys(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_read_reservation(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_report_capabilities(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_read_full_status(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_persistent_reserve_out(struct scsi_task *task);
enum scsi_step scsi_read_capacity_10(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_read_capacity_16(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_get_lba_status(struct scsi_task *task);
enum scsi_step scsi_report_luns(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_report_opcodes(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_report_task_management(struct scsi_task *task, uint8_t *reply);
enum scsi_step scsi_read(struct scsi_task *task);
enum scsi_step scsi_write(struct scsi_task *task);
enum scsi_step scsi_write_verify(struct scsi_task *task);
enum scsi_step scsi_verify(struct scsi_task *task);
enum scsi_step scsi_pre_fetch(struct scsi_task *task);
enum scsi_step scsi_synchronize_cache(struct scsi_task *task);
enum scsi_step scsi_write_same(struct scsi_task *task);
enum scsi_step scsi_extents(struct scsi_task *task); /* begins what scsi_get_lba_status() ends */
enum scsi_step scsi_write_zeroes(struct scsi_task *task); /* begins what scsi_write_same() ends */
enum scsi_step scsi_unmap(struct scsi_task *task);
enum scsi_step scsi_unmap_ranges(struct scsi_task *task); /* begins what scsi_unmap() ends */
enum scsi_step scsi_compare_and_write(struct scsi_task *task);
enum scsi_step scsi_orwrite(struct scsi_task *task);

#endif
