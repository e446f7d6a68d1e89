/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The opcode table. To add a command, add its row here and its handler; decoding, the check for
 * reserved bits, write protection, range checks and REPORT SUPPORTED OPERATION CODES follow. At the
 * end are the block operations, each with the row that it shares.
 */

#include "scsi/internal.h"

/* Length and usage of a CDB. The bytes after its end are never read, hence the ones. */
#define CDB6(...) .length = 6, \
    .usage = { __VA_ARGS__, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }
#define CDB10(...) .length = 10, .usage = { __VA_ARGS__, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }
#define CDB12(...) .length = 12, .usage = { __VA_ARGS__, 0xff, 0xff, 0xff, 0xff }
#define CDB16(...) .length = 16, .usage = { __VA_ARGS__ }

/* Fields that the LBA and the transfer length fill whole. */
#define F2 0xff, 0xff
#define F4 F2, F2
#define F8 F4, F4
/* The byte of the GROUP NUMBER, by which a device may keep statistics (SBC-3 4.23). We keep none:
 * any group is as good as none. */
#define GROUP 0x1f
/* Reserved bytes. */
#define Z2 0x00, 0x00
#define Z3 Z2, 0x00
#define Z4 Z2, Z2
#define Z8 Z4, Z4

#define DATA_IN .direction = SCSI_DATA_IN
#define DATA_OUT .direction = SCSI_DATA_OUT
#define ALLOCATION(at, size) .allocation_at = (at), .allocation_size = (size)
#define ACTIONS(table) .actions = (table), .action_count = sizeof(table) / sizeof((table)[0])

enum {
    /* Under reservations of others: commands that only read, commands that persistent ones never
     * stop, and commands that none stops. */
    LOOKS = SCSI_ROW_ALLOWED_WE,
    PERSISTENT = SCSI_ROW_ALLOWED_WE | SCSI_ROW_ALLOWED_EA,
    ANY = PERSISTENT | SCSI_ROW_ALLOWED_RESERVED,
    ANSWERED = SCSI_ROW_ALWAYS_ANSWERED,
    RANGE = SCSI_ROW_MEDIUM | SCSI_ROW_RANGE,
    READS = RANGE | SCSI_ROW_LIMITED | LOOKS,
    WRITES = RANGE | SCSI_ROW_LIMITED | SCSI_ROW_WRITES,
    ALWAYS = SCSI_ROW_NO_UNIT | SCSI_ROW_NO_ATTENTION | ANSWERED | ANY,
};

enum { READ_CAPACITY_16, GET_LBA_STATUS };

static const struct scsi_row service_actions_in_16[] = {
    [READ_CAPACITY_16] = { CDB16(0x9e, 0x10, Z8, F4, 0x00, 0x00), DATA_IN, ALLOCATION(10, 4),
        .flags = ANY | ANSWERED, .build = scsi_read_capacity_16 },
    /* The device may have to be asked, which can take long. */
    [GET_LBA_STATUS] = { CDB16(0x9e, 0x12, F8, F4, 0x00, 0x00), DATA_IN, .flags = LOOKS,
        .run = scsi_get_lba_status },
};

static const struct scsi_row maintenance_in[] = {
    { CDB12(0xa3, 0x0c, 0x87, 0xff, F2, F4, 0x00, 0x00), DATA_IN, ALLOCATION(6, 4),
        .flags = LOOKS | ANSWERED, .build = scsi_report_opcodes },
    { CDB12(0xa3, 0x0d, 0x80, Z3, F4, 0x00, 0x00), DATA_IN, ALLOCATION(6, 4),
        .flags = LOOKS | ANSWERED, .build = scsi_report_task_management },
};

#define RESERVE_IN(action, handler) \
    { CDB10(0x5e, (action), Z4, 0x00, F2, 0x00), DATA_IN, ALLOCATION(7, 2), \
        .flags = PERSISTENT | ANSWERED | SCSI_ROW_ENTERS, .build = (handler) }

static const struct scsi_row persistent_in[] = {
    RESERVE_IN(0x00, scsi_read_keys),
    RESERVE_IN(0x01, scsi_read_reservation),
    RESERVE_IN(0x02, scsi_report_capabilities),
    RESERVE_IN(0x03, scsi_read_full_status),
};

/* These commands decide themselves which of them a reservation stops. */
#define RESERVE_OUT(action) \
    { CDB10(0x5f, (action), 0xff, Z2, F4, 0x00), DATA_OUT, \
        .flags = PERSISTENT | SCSI_ROW_EXCLUSIVE, .run = scsi_persistent_reserve_out }

/* REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT AND ABORT, REGISTER AND IGNORE EXISTING KEY;
 * no REGISTER AND MOVE */
static const struct scsi_row persistent_out[] = {
    RESERVE_OUT(0x00),
    RESERVE_OUT(0x01),
    RESERVE_OUT(0x02),
    RESERVE_OUT(0x03),
    RESERVE_OUT(0x04),
    RESERVE_OUT(0x05),
    RESERVE_OUT(0x06),
};

const struct scsi_row scsi_rows[256] = {
    /* TEST UNIT READY */
    [0x00] = { CDB6(0x00, Z4, 0x00), .flags = PERSISTENT | ANSWERED,
        .run = scsi_test_unit_ready },
    /* REQUEST SENSE */
    [0x03] = { CDB6(0x03, 0x01, Z2, 0xff, 0x00), DATA_IN, ALLOCATION(4, 1), .flags = ALWAYS,
        .build = scsi_request_sense },
    /* READ(6), WRITE(6) */
    [0x08] = { CDB6(0x08, 0x1f, F2, 0xff, 0x00), DATA_IN, .flags = READS, .run = scsi_read },
    [0x0a] = { CDB6(0x0a, 0x1f, F2, 0xff, 0x00), DATA_OUT, .flags = WRITES, .run = scsi_write },
    /* INQUIRY */
    [0x12] = { CDB6(0x12, 0x01, 0xff, F2, 0x00), DATA_IN, ALLOCATION(3, 2), .flags = ALWAYS,
        .build = scsi_inquiry },
    /* MODE SELECT(6), MODE SENSE(6) */
    [0x15] = { CDB6(0x15, 0x10, Z2, 0xff, 0x00), DATA_OUT, .run = scsi_mode_select },
    /* RESERVE(6), RELEASE(6): for the nexus itself, the whole unit */
    [0x16] = { CDB6(0x16, Z4, 0x00), .flags = ANY | SCSI_ROW_EXCLUSIVE, .run = scsi_reserve },
    [0x17] = { CDB6(0x17, Z4, 0x00), .flags = ANY | SCSI_ROW_EXCLUSIVE, .run = scsi_release },
    [0x1a] = { CDB6(0x1a, 0x08, F2, 0xff, 0x00), DATA_IN, ALLOCATION(4, 1),
        .flags = LOOKS | ANSWERED, .build = scsi_mode_sense },
    /* START STOP UNIT: START and NO_FLUSH; nothing to eject, no power conditions */
    [0x1b] = { CDB6(0x1b, 0x01, Z2, 0x05, 0x00), .flags = SCSI_ROW_ALLOWED_START,
        .run = scsi_start_stop_unit },
    /* PREVENT ALLOW MEDIUM REMOVAL */
    [0x1e] = { CDB6(0x1e, Z3, 0x03, 0x00), .flags = SCSI_ROW_ALLOWED_ZERO,
        .run = scsi_prevent_allow },
    /* READ CAPACITY(10) */
    [0x25] = { CDB10(0x25, 0x00, Z4, Z3, 0x00), DATA_IN, .flags = ANY | ANSWERED,
        .build = scsi_read_capacity_10 },
    /* READ(10), WRITE(10) */
    [0x28] = { CDB10(0x28, 0x18, F4, GROUP, F2, 0x00), DATA_IN, .flags = READS, .run = scsi_read },
    [0x2a] = { CDB10(0x2a, 0x18, F4, GROUP, F2, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write },
    /* WRITE AND VERIFY(10), VERIFY(10) */
    [0x2e] = { CDB10(0x2e, 0x12, F4, GROUP, F2, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write_verify },
    [0x2f] = { CDB10(0x2f, 0x16, F4, GROUP, F2, 0x00), .flags = RANGE | LOOKS,
        .run = scsi_verify },
    /* PRE-FETCH(10) */
    [0x34] = { CDB10(0x34, 0x02, F4, GROUP, F2, 0x00), .flags = RANGE | LOOKS,
        .run = scsi_pre_fetch },
    /* SYNCHRONIZE CACHE(10) */
    [0x35] = { CDB10(0x35, 0x02, F4, GROUP, F2, 0x00), .flags = RANGE,
        .run = scsi_synchronize_cache },
    /* WRITE SAME(10) */
    [0x41] = { CDB10(0x41, 0x08, F4, GROUP, F2, 0x00), DATA_OUT,
        .flags = RANGE | SCSI_ROW_WRITES | SCSI_ROW_UNMAP_BIT, .run = scsi_write_same },
    /* UNMAP */
    [0x42] = { CDB10(0x42, 0x00, Z4, GROUP, F2, 0x00), DATA_OUT,
        .flags = SCSI_ROW_MEDIUM | SCSI_ROW_WRITES | SCSI_ROW_NEEDS_UNMAP, .run = scsi_unmap },
    /* LOG SENSE: no parameter pointer, no SP (log.c) */
    [0x4d] = { CDB10(0x4d, 0x00, F2, Z3, F2, 0x00), DATA_IN, ALLOCATION(7, 2),
        .flags = ANY | ANSWERED, .build = scsi_log_sense },
    /* MODE SELECT(10), MODE SENSE(10) */
    [0x55] = { CDB10(0x55, 0x10, Z4, 0x00, F2, 0x00), DATA_OUT, .run = scsi_mode_select },
    [0x5a] = { CDB10(0x5a, 0x18, F2, Z3, F2, 0x00), DATA_IN, ALLOCATION(7, 2),
        .flags = LOOKS | ANSWERED, .build = scsi_mode_sense },
    /* RESERVE(10), RELEASE(10) */
    [0x56] = { CDB10(0x56, Z8, 0x00), .flags = ANY | SCSI_ROW_EXCLUSIVE, .run = scsi_reserve },
    [0x57] = { CDB10(0x57, Z8, 0x00), .flags = ANY | SCSI_ROW_EXCLUSIVE, .run = scsi_release },
    /* PERSISTENT RESERVE IN and OUT */
    [0x5e] = { ACTIONS(persistent_in) },
    [0x5f] = { ACTIONS(persistent_out) },
    /* READ(16), WRITE(16) */
    [0x88] = { CDB16(0x88, 0x18, F8, F4, GROUP, 0x00), DATA_IN, .flags = READS, .run = scsi_read },
    [0x8a] = { CDB16(0x8a, 0x18, F8, F4, GROUP, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write },
    /* COMPARE AND WRITE */
    [0x89] = { CDB16(0x89, 0x18, F8, Z3, 0xff, GROUP, 0x00), DATA_OUT,
        .flags = RANGE | SCSI_ROW_WRITES | SCSI_ROW_EXCLUSIVE, .run = scsi_compare_and_write },
    /* ORWRITE(16) */
    [0x8b] = { CDB16(0x8b, 0x18, F8, F4, GROUP, 0x00), DATA_OUT,
        .flags = WRITES | SCSI_ROW_EXCLUSIVE, .run = scsi_orwrite },
    /* WRITE AND VERIFY(16), VERIFY(16) */
    [0x8e] = { CDB16(0x8e, 0x12, F8, F4, GROUP, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write_verify },
    [0x8f] = { CDB16(0x8f, 0x16, F8, F4, GROUP, 0x00), .flags = RANGE | LOOKS,
        .run = scsi_verify },
    /* PRE-FETCH(16) */
    [0x90] = { CDB16(0x90, 0x02, F8, F4, GROUP, 0x00), .flags = RANGE | LOOKS,
        .run = scsi_pre_fetch },
    /* SYNCHRONIZE CACHE(16) */
    [0x91] = { CDB16(0x91, 0x02, F8, F4, GROUP, 0x00), .flags = RANGE,
        .run = scsi_synchronize_cache },
    /* WRITE SAME(16): UNMAP and NDOB; anchored blocks are not offered (VPD B2h) */
    [0x93] = { CDB16(0x93, 0x09, F8, F4, GROUP, 0x00), DATA_OUT,
        .flags = RANGE | SCSI_ROW_WRITES | SCSI_ROW_UNMAP_BIT, .run = scsi_write_same },
    /* SERVICE ACTION IN(16) */
    [0x9e] = { ACTIONS(service_actions_in_16) },
    /* REPORT LUNS */
    [0xa0] = { CDB12(0xa0, 0x00, 0xff, Z3, F4, 0x00, 0x00), DATA_IN, ALLOCATION(6, 4),
        .flags = ALWAYS, .build = scsi_report_luns },
    /* MAINTENANCE IN */
    [0xa3] = { ACTIONS(maintenance_in) },
    /* READ(12), WRITE(12) */
    [0xa8] = { CDB12(0xa8, 0x18, F4, F4, GROUP, 0x00), DATA_IN, .flags = READS, .run = scsi_read },
    [0xaa] = { CDB12(0xaa, 0x18, F4, F4, GROUP, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write },
    /* WRITE AND VERIFY(12), VERIFY(12) */
    [0xae] = { CDB12(0xae, 0x12, F4, F4, GROUP, 0x00), DATA_OUT, .flags = WRITES,
        .run = scsi_write_verify },
    [0xaf] = { CDB12(0xaf, 0x16, F4, F4, GROUP, 0x00), .flags = RANGE | LOOKS,
        .run = scsi_verify },
};

const struct scsi_block_row scsi_block_rows[SCSI_BLOCK_OPERATIONS] = {
    [0] = { &scsi_rows[0xff] }, /* which is no command */
    [SCSI_BLOCK_READ] = { &scsi_rows[0x88], scsi_read, .has_data = true },
    [SCSI_BLOCK_WRITE] = { &scsi_rows[0x8a], scsi_write, .has_data = true },
    [SCSI_BLOCK_FLUSH] = { &scsi_rows[0x91], scsi_synchronize_cache },
    [SCSI_BLOCK_UNMAP] = { &scsi_rows[0x42], scsi_unmap_ranges, .has_list = true },
    [SCSI_BLOCK_WRITE_ZEROES] = { &scsi_rows[0x93], scsi_write_zeroes },
    [SCSI_BLOCK_EXTENTS] = { &service_actions_in_16[GET_LBA_STATUS], scsi_extents },
    [SCSI_BLOCK_PREFETCH] = { &scsi_rows[0x90], scsi_pre_fetch },
};
