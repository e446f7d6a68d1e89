/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The SCSI disk: the meaning of commands, and nothing else.
 *
 * A task is one command. scsi_begin() reads its CDB, scsi_begin_block() a block operation of a door
 * that has no CDBs. Both finish the task or return the step that it needs next. The caller takes
 * that step and calls scsi_resume() with its outcome, until the answer is SCSI_DONE. None of them
 * blocks, allocates, locks or logs. Any number of threads may run tasks of one unit at once; one
 * task belongs to one thread at a time.
 *
 * Freestanding C11: the only functions used from outside are memcpy, memmove, memset and memcmp,
 * which every freestanding compiler asks for.
 */

#ifndef SCSI_SCSI_H
#define SCSI_SCSI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioq/turns.h"
#include "scsi/be.h"

enum {
    SCSI_CDB_MAX = 32,             /* longest CDB; longer ones are refused */
    SCSI_SENSE_MAX = 64,           /* room for descriptor sense with every descriptor we write */
    SCSI_BLOCK_LENGTH_MIN = 512,
    SCSI_BLOCK_LENGTH_MAX = 65536,
    SCSI_SCRATCH_LENGTH = 131072,  /* what SCSI_SCRATCH asks for: two of the longest blocks */
    SCSI_ROTATION_MIN = 0x0401,    /* MEDIUM ROTATION RATE, SBC-3 table 190 */
    SCSI_ROTATION_MAX = 0xfffe,
    SCSI_UNMAP_RANGES_MAX = 256,   /* in one command, in SCSI_PROFILE_MODERN */
    SCSI_UNMAP_RANGES_LIMIT = 4095, /* as many as the CDB's length field allows */
    SCSI_UNMAP_OP_MAX = 256 << 20, /* bytes that one UNMAP op covers: a device that cannot give
                                    * space back writes them while others wait */
    SCSI_REGISTRATIONS = 64,       /* for persistent reservations of a unit */
    SCSI_TRANSPORT_ID_MAX = 248,   /* the longest of iSCSI */
};

/* SAM-5 5.3.1 */
enum scsi_status {
    SCSI_GOOD = 0x00,
    SCSI_CHECK_CONDITION = 0x02,
    SCSI_CONDITION_MET = 0x04,
    SCSI_BUSY = 0x08,
    SCSI_RESERVATION_CONFLICT = 0x18,
    SCSI_TASK_SET_FULL = 0x28,
    SCSI_ACA_ACTIVE = 0x30,
    SCSI_TASK_ABORTED = 0x40,
};

/* SAM-5 8.5: as the transport carries it */
enum scsi_attribute {
    SCSI_SIMPLE,
    SCSI_ORDERED,
    SCSI_HEAD_OF_QUEUE,
    SCSI_ACA,
};

enum scsi_direction {
    SCSI_NO_DATA,
    SCSI_DATA_IN,  /* to the initiator */
    SCSI_DATA_OUT, /* from the initiator */
    SCSI_ANY_DATA, /* announced only: any direction that the command has */
};

/* The step that a task needs next. */
enum scsi_step {
    SCSI_DONE,    /* status, sense, reply and residual are in the task */
    SCSI_DATA,    /* the engine must see the data-out: set task->data, then resume */
    SCSI_SCRATCH, /* set task->scratch to SCSI_SCRATCH_LENGTH bytes, aligned to 16, then resume;
                   * asked for after the data and before the first block operation */
    SCSI_ENTER,   /* wait as for a block operation (an exclusive task: to be alone), then resume */
    SCSI_READ,    /* task->op: medium to buffer; op.buffer says whether it needs task->data */
    SCSI_WRITE,   /* task->op: buffer to medium; the same */
    SCSI_FLUSH,   /* task->op: make op.lba, op.blocks durable; blocks 0 = to the end of medium */
    SCSI_UNMAP,   /* task->op: op.ranges, op.range_count */
    SCSI_WRITE_ZEROES, /* task->op: op.lba, op.blocks read as zeros from now on, as op.flags has it;
                   * only with params.write_zeroes. At most as much as one UNMAP covers */
    SCSI_EXTENTS, /* task->op: op.lba, op.blocks are to be described by scsi_extents_add() to
                   * op.extents, from the first on; only with params.extents */
    SCSI_PREFETCH, /* task->op: op.lba, op.blocks will be read soon; only with params.prefetch */
};

/* A piece of memory, in the layout of POSIX struct iovec. */
struct scsi_vec {
    void *base;
    size_t length;
};

/* A range to unmap, in the layout of the original's SPD_UNMAP_DESCRIPTOR. */
struct scsi_range {
    uint64_t lba;
    uint32_t blocks;
    uint32_t reserved;
};

/* The space that a unit has for a block: the PROVISIONING STATUS of SBC-3 5.4.2. */
enum scsi_provisioning {
    SCSI_MAPPED = 0,      /* or unknown */
    SCSI_DEALLOCATED = 1, /* no space; it reads as zeros where the unit promises that */
    SCSI_ANCHORED = 2,    /* space, and no data */
};

struct scsi_extent {
    uint64_t lba;
    uint32_t blocks;
    uint32_t state; /* enum scsi_provisioning */
};

/* Consecutive extents of a range, in the scratch. They are in order and within the range, whatever
 * is added. */
struct scsi_extents {
    uint64_t next; /* the first block that is not described yet */
    uint64_t end;  /* past the range; at most UINT32_MAX blocks */
    uint32_t count;
    uint32_t room;
    struct scsi_extent list[];
};

/* The next blocks are in this state; what lies past the range is cut off. False: no more is wanted,
 * and what did not fit is left out. */
bool scsi_extents_add(
    struct scsi_extents *extents, uint64_t blocks, enum scsi_provisioning state);

/* Operations of scsi_begin_block(). Each means the same as a command, and shares its checks. */
enum scsi_block_operation {
    SCSI_BLOCK_READ = 1,     /* READ(16) */
    SCSI_BLOCK_WRITE,        /* WRITE(16) */
    SCSI_BLOCK_FLUSH,        /* SYNCHRONIZE CACHE(16); 0 blocks: to the end of the medium */
    SCSI_BLOCK_UNMAP,        /* UNMAP, of any number of ranges and blocks */
    SCSI_BLOCK_WRITE_ZEROES, /* WRITE SAME(16) of zeros, of any number of blocks */
    SCSI_BLOCK_EXTENTS,      /* GET LBA STATUS, of at least one block. The reply of a task that
                              * ended GOOD is a struct scsi_extents; it has at least one extent, and
                              * may end before the range does */
    SCSI_BLOCK_PREFETCH,     /* PRE-FETCH(16); 0 blocks: to the end of the medium */
    SCSI_BLOCK_OPERATIONS,
};

enum scsi_block_flag {
    SCSI_BLOCK_MAY_UNMAP = 0x01, /* WRITE ZEROES: blocks that read as zeros may lose their space */
    SCSI_BLOCK_FAST_ONLY = 0x02, /* WRITE ZEROES: 5/20/00 instead of zeros that take as long as
                                  * other data. Blocks before that may be zeros by then */
    SCSI_BLOCK_FUA = 0x08,       /* as READ(16) and WRITE(16) have it in byte 1. UNMAP and WRITE
                                  * ZEROES: a flush follows where there is a cache */
};

/* A private copy, as a CDB is: the requester cannot change it. */
struct scsi_block {
    uint8_t operation; /* enum scsi_block_operation; others end as unknown commands do */
    uint8_t flags;     /* enum scsi_block_flag; flags without a meaning for the operation are
                        * ignored */
    uint32_t blocks;
    uint64_t lba;
    struct scsi_range *ranges; /* UNMAP, instead of lba and blocks: range_count of them. They are
                                * the engine's, which changes them, until SCSI_DONE */
    uint32_t range_count;
};

enum scsi_buffer {
    SCSI_BUFFER_DATA,    /* task->data: what the transport moves */
    SCSI_BUFFER_SCRATCH, /* task->scratch */
};

/* The block operation that a task waits for. READ and WRITE never exceed the unit's maximum
 * transfer length. Nothing crosses the end that the medium had when the task began; a unit that
 * shrinks must still refuse. It stays the same until scsi_resume(). */
struct scsi_op {
    uint64_t lba;
    uint32_t blocks;
    uint32_t range_count;
    const struct scsi_range *ranges; /* in the scratch, or those of a struct scsi_block */
    struct scsi_extents *extents;    /* EXTENTS: in the scratch */
    uint64_t offset;                 /* bytes into the buffer */
    enum scsi_buffer buffer;
    bool fua;                        /* the medium itself, not a volatile cache (SBC-3 4.15) */
    uint8_t flags;                   /* WRITE_ZEROES: SCSI_BLOCK_MAY_UNMAP, SCSI_BLOCK_FAST_ONLY */
};

/* The end of a block operation, or a caller's refusal. All zero is GOOD. An
 * operation that has completed with sense to report has moved its data, and its command goes on. */
struct scsi_outcome {
    uint8_t status; /* enum scsi_status; other than CHECK CONDITION the rest does not matter */
    uint8_t sense_key;
    uint8_t asc;
    uint8_t ascq;
    bool information_valid;
    uint64_t information; /* an LBA */
};

/* SPC-4 4.5.6: NO SENSE, RECOVERED ERROR and COMPLETED report operations that have been done. */
static inline bool scsi_completed(uint8_t status, uint8_t sense_key)
{
    return status == SCSI_GOOD || (status == SCSI_CHECK_CONDITION &&
        (sense_key == 0x0 || sense_key == 0x1 || sense_key == 0xf));
}

static inline bool scsi_outcome_completed(const struct scsi_outcome *outcome)
{
    return scsi_completed(outcome->status, outcome->sense_key);
}

/* A profile is a way in which a unit describes itself to initiators. Programs rely on descriptions
 * that they know. Commands and errors are the same in all profiles. */
enum scsi_profile {
    SCSI_PROFILE_MODERN, /* everything that SPC-4 and SBC-3 have for such a disk */
    SCSI_PROFILE_WINSPD, /* the original WinSpd's: its VPD pages, no LBPRZ, its order of mode pages,
                          * no block descriptor, DPOFUA with a cache only */
};

/* The constant properties of a logical unit. */
struct scsi_unit_params {
    enum scsi_profile profile;
    uint8_t guid[16];               /* RFC 4122 order: byte 0 is the first that is printed */
    uint64_t block_count;           /* > 0 */
    uint32_t block_length;          /* a power of two, SCSI_BLOCK_LENGTH_MIN..MAX */
    uint32_t physical_block_length; /* a power of two >= block_length, at most 2^15 of them */
    uint32_t max_transfer_length;   /* bytes; a multiple of block_length; limit of one op */
    uint32_t max_command_length;    /* bytes; limit of the data of one command, so that a door can
                                     * bound its buffers; 0: none. Longer ones get 5/24/00 */
    uint32_t unmap_granularity;     /* blocks; 0: not reported */
    uint32_t max_unmap_ranges;      /* 1..SCSI_UNMAP_RANGES_MAX; 0: as many as the profile takes */
    uint32_t max_op_ranges;         /* limit of one op; 0: as many as one command */
    uint32_t max_unmap_blocks;      /* blocks that one command may unmap; 0: no limit */
    uint8_t wwn[16];                /* the NAA designator; bytes after wwn_length are zero */
    uint8_t wwn_length;             /* 8: NAA 2h, 3h or 5h; 16: NAA 6h; 0: it is made of the GUID */
    char vendor_id[8];              /* padded with spaces, not terminated; all zero: WinSpd's */
    char product_id[16];            /* the same, but never zero */
    char product_revision[4];
    uint16_t rotation_rate;         /* a minute, SCSI_ROTATION_MIN..MAX; 1 or 0: the medium does not
                                     * rotate */
    bool write_protected;
    bool cache;                     /* it has a volatile write cache, so FLUSH means something */
    bool unmap;                     /* thin provisioning */
    bool write_zeroes;              /* SCSI_WRITE_ZEROES is a step that the caller can take */
    bool extents;                   /* and SCSI_EXTENTS, which is asked for with unmap only */
    bool prefetch;                  /* and SCSI_PREFETCH */
    bool unmap_zeros;               /* with unmap: unmapped blocks read as zeros; only
                                     * SCSI_PROFILE_MODERN lets initiators know */
};

/* SPC-4 6.36, byte 0 */
enum {
    SCSI_TM_ABORT_TASK = 0x80,
    SCSI_TM_ABORT_TASK_SET = 0x40,
    SCSI_TM_CLEAR_TASK_SET = 0x10,
    SCSI_TM_LUN_RESET = 0x08,
    SCSI_TM_TARGET_RESET = 0x02,
};

enum { SCSI_LUN_MAP = 8 };

/* The target port at which a command came in, from its door. Constant while nexuses point at it,
 * save lun_map. */
struct scsi_port {
    const uint8_t *designators;   /* designation descriptors of target and port, VPD 83h form */
    uint16_t designators_length;
    uint16_t version_descriptor;  /* the transport's, SPC-4 table 141; 0 = none */
    uint16_t relative_port;       /* RELATIVE TARGET PORT IDENTIFIER */
    uint8_t task_management[2];   /* functions it offers: bytes 0 and 1 of REPORT SUPPORTED TASK
                                   * MANAGEMENT FUNCTIONS (SPC-4 6.36); SCSI_TM_* */
    const uint64_t *luns;         /* the LUNs, as 64-bit values (SAM-5 4.7), ascending */
    uint32_t lun_count;
    /* Those that come and go beside them: bit n % 32 of word n / 32 is LUN n by peripheral
     * addressing (SAM-5 4.7.7.2). Any thread changes it at any time. */
    _Atomic uint32_t lun_map[SCSI_LUN_MAP];
};

enum scsi_attention {
    SCSI_UA_POWER_ON,            /* 29/00; implied for every new nexus unless taken back */
    SCSI_UA_RESET,               /* 29/02 target or bus reset */
    SCSI_UA_LUN_RESET,           /* 29/03 logical unit reset */
    SCSI_UA_CAPACITY,            /* 2A/09 capacity data has changed */
    SCSI_UA_MODE,                /* 2A/01 mode parameters changed */
    SCSI_UA_CLEARED,             /* 2F/00 commands cleared by another initiator */
    SCSI_UA_LUNS,                /* 3F/0E reported LUNs data has changed */
    SCSI_UA_COUNT,
};

/* The state of an initiator port for persistent reservations (SPC-4 5.13): reservation.c. */
struct scsi_registration {
    _Atomic uint64_t initiator;                  /* struct scsi_nexus's; 0: never used */
    _Atomic uint32_t state;
    uint32_t aborted;                            /* unit->reservation after its tasks were aborted;
                                                  * this and the rest: exclusive tasks change it */
    uint64_t key;
    const struct scsi_port *port;
    uint16_t transport_id_length;
    uint8_t transport_id[SCSI_TRANSPORT_ID_MAX];
};

/* A logical unit. Treat as opaque; it is here so that callers can embed it. Attentions are
 * counters: a nexus has a pending attention if its copy is behind the unit's. Raising one is O(1),
 * and needs no list of nexuses and no lock. */
struct scsi_unit {
    struct scsi_unit_params params;              /* defaults are filled in; unmap_zeros: initiators
                                                  * learn it */
    uint8_t block_shift;                         /* log2 of params.block_length */
    uint32_t op_blocks;                          /* limit of one op */
    uint32_t command_blocks;                     /* limit of one command */
    _Atomic uint64_t block_count;
    _Atomic uint32_t mode;                       /* current mode bits, see internal.h */
    _Atomic uint32_t attention;                  /* bumped with any of the next */
    _Atomic uint32_t attentions[SCSI_UA_COUNT];
    _Atomic uint32_t reservation;                /* type, holder and count of changes */
    _Atomic uint64_t reserver;                   /* the initiator that holds it by RESERVE */
    uint32_t registration_changes;               /* PRGENERATION */
    struct scsi_registration registrations[SCSI_REGISTRATIONS];
};

/* The relation of an initiator to a unit (I_T_L nexus). Its door keeps it for as long as any task
 * refers to it; tasks of one nexus may run on several threads. */
struct scsi_nexus {
    const struct scsi_port *port;
    uint64_t initiator;                          /* identifies initiator port and target port */
    const uint8_t *transport_id;                 /* NULL: the only initiator of the port */
    uint16_t transport_id_length;
    bool no_attentions;                          /* it is no initiator, and could not handle one.
                                                  * Set it before any task */
    _Atomic uint32_t attention_seen;
    _Atomic uint32_t attentions_seen[SCSI_UA_COUNT];
    struct ioq_flow flows[IOQ_PLACES];           /* its tasks that wait: the caller's, at which the
                                                  * engine does not look; all zero at first */
};

struct scsi_task {
    /* In: set these before scsi_begin(). Only data and scratch may change before SCSI_DONE: the
     * engine reads neither before it has asked for it. scsi_begin_block() needs unit, nexus and
     * attribute alone. */
    struct scsi_unit *unit;            /* NULL: there is no logical unit at this LUN */
    struct scsi_nexus *nexus;          /* never NULL */
    uint8_t cdb[SCSI_CDB_MAX];         /* a private copy: the requester cannot change it */
    uint8_t cdb_length;                /* valid bytes in cdb */
    uint8_t attribute;                 /* enum scsi_attribute */
    uint8_t expected_direction;        /* enum scsi_direction, as the transport announced it */
    uint64_t expected_length;          /* bytes that the transport is ready to move */
    const struct scsi_vec *data;       /* buffer_length bytes */
    uint32_t data_count;
    void *scratch;

    /* Out, from the first step on. */
    uint8_t direction;                 /* enum scsi_direction: what this command moves */
    bool exclusive;                    /* must not overlap any other task on the unit */
    bool medium;                       /* it reads or changes the medium: order matters */
    uint64_t transfer_length;          /* bytes that the command defines; may exceed what either
                                        * side is ready to move */
    uint64_t buffer_length;            /* bytes that task->data must hold, from the first step that
                                        * needs it on; op.offset and its blocks lie within.
                                        * DATA_OUT: transfer_length, and never less.
                                        * DATA_IN: whole blocks, so up to a block more than
                                        * min(transfer, expected) */
    struct scsi_op op;                 /* for READ, WRITE, FLUSH, UNMAP */

    /* Out, at SCSI_DONE. */
    uint8_t status;                    /* enum scsi_status */
    struct scsi_outcome outcome;       /* the outcome of the last step, or the engine's own, with
                                        * the same status. It is for doors that report errors
                                        * without sense, which has no room for some LBAs */
    uint8_t sense_length;
    uint8_t sense[SCSI_SENSE_MAX];
    const void *reply;                 /* data-in that the engine wrote (in scratch), or NULL: then
                                        * the data-in is in task->data. SCSI_BLOCK_EXTENTS: the
                                        * extents, which are no data-in */
    uint64_t moved_length;             /* bytes of data-in to send (never over expected_length), or
                                        * of data-out that were used; also with CHECK CONDITION
                                        * where the command has completed */
    uint64_t residual;                 /* |transfer - expected| */
    bool overflow;                     /* residual is overflow (the command wanted more) */
    bool underflow;                    /* residual is underflow */

    /* Private to the engine. */
    const void *row;
    uint32_t reservation;              /* the unit's reservation at the last check */
    uint64_t lba;
    uint64_t blocks;
    uint64_t done;
    struct scsi_range *ranges;         /* unmap.c */
    uint32_t rest;                     /* unmap.c */
    uint32_t phase;
    uint8_t flags;                     /* enum scsi_block_flag */
};

/* Why params are not acceptable. Pure. */
enum scsi_param_error {
    SCSI_PARAM_OK,
    SCSI_PARAM_BLOCK_COUNT,           /* zero, or count * length over 2^63 */
    SCSI_PARAM_BLOCK_LENGTH,          /* not a power of two in range */
    SCSI_PARAM_PHYSICAL_BLOCK_LENGTH,
    SCSI_PARAM_TRANSFER_LENGTH,       /* for one op: zero or not a multiple of the block length;
                                       * for a command: less than a block */
    SCSI_PARAM_UNMAP,                 /* max_unmap_ranges out of range; max_unmap_blocks less than a
                                       * granule; unmap_zeros without unmap */
    SCSI_PARAM_ROTATION,
    SCSI_PARAM_TEXT,                  /* vendor id, product id or revision not printable ASCII */
    SCSI_PARAM_GUID,                  /* all zero */
    SCSI_PARAM_WWN,                   /* the length is not that of its NAA, or more bytes are set */
};
enum scsi_param_error scsi_unit_check(const struct scsi_unit_params *params);

/* Params have passed scsi_unit_check(). */
void scsi_unit_init(struct scsi_unit *unit, const struct scsi_unit_params *params);

/* New capacity; raises SCSI_UA_CAPACITY for every nexus. False, and nothing changed, when
 * block_count is 0 or overflows. Running tasks keep the range check that they passed. */
bool scsi_unit_resize(struct scsi_unit *unit, uint64_t block_count);

/* Raises an attention for every nexus but `except` (may be NULL). A reset also puts the mode
 * parameters back to their defaults and ends a reservation by RESERVE. */
void scsi_unit_attention(struct scsi_unit *unit, enum scsi_attention attention,
    struct scsi_nexus *except);

/* Raises one for this nexus alone, or takes back what it has pending of it. Any thread, also while
 * tasks run. */
void scsi_nexus_attention(struct scsi_nexus *nexus, struct scsi_unit *unit,
    enum scsi_attention attention);
void scsi_nexus_forget(struct scsi_nexus *nexus, struct scsi_unit *unit,
    enum scsi_attention attention);

/* A new nexus with POWER ON pending. unit may be NULL (a LUN that is not there). */
void scsi_nexus_init(struct scsi_nexus *nexus, struct scsi_unit *unit,
    const struct scsi_port *port);

/* Names the initiator: a TransportID (SPC-4 7.6.4), at most SCSI_TRANSPORT_ID_MAX bytes, which stay
 * as long as the nexus. After scsi_nexus_init(), before any task. Its registration for persistent
 * reservations outlives the nexus, and passes to a later nexus of this name at this port.
 * A nexus without a name is the only initiator of its port. */
void scsi_nexus_name(struct scsi_nexus *nexus, const uint8_t *transport_id, uint16_t length);

/* Whether the initiator port of a nexus (its `initiator`) is registered for persistent
 * reservations. Any thread, also while tasks run. */
bool scsi_initiator_registered(struct scsi_unit *unit, uint64_t initiator);

/* The nexus is lost, and none of its tasks runs: its reservation by RESERVE ends. Call it if the
 * unit goes on without the nexus. */
void scsi_nexus_end(struct scsi_nexus *nexus, struct scsi_unit *unit);

enum scsi_step scsi_begin(struct scsi_task *task);

/* The same for a block operation, which is not kept. The unit is there. The task moves
 * block->blocks blocks of data for a read or a write, and none otherwise. */
enum scsi_step scsi_begin_block(struct scsi_task *task, const struct scsi_block *block);

/* After the begin: the operation code of its command, or of the command that a block operation
 * shares. */
uint8_t scsi_operation_code(const struct scsi_task *task);

/* A command of this operation code reads or changes the medium. */
bool scsi_uses_medium(const uint8_t *cdb);

/* After the begin: the command only asks for the unit's properties and state, by which initiators
 * find faults. It must be answered whatever other commands hold or wait for. It holds its own needs
 * only until it is done. */
bool scsi_always_answered(const struct scsi_task *task);

/* Call it when a task has waited before its first block operation or SCSI_ENTER. It waits for its
 * data, and until no exclusive task runs beside it (an exclusive task: until none runs). False: a
 * reservation was made or its tasks were aborted meanwhile, and the step ends with
 * *outcome, unperformed. */
bool scsi_readmit(struct scsi_task *task, struct scsi_outcome *outcome);
static inline bool scsi_admit(struct scsi_task *task, struct scsi_outcome *outcome)
{
    /* Nothing has changed since scsi_begin() looked: nearly always so. */
    return task->reservation ==
        atomic_load_explicit(&task->unit->reservation, memory_order_relaxed) ||
        scsi_readmit(task, outcome);
}

/* outcome: how the step ended; NULL means GOOD. */
enum scsi_step scsi_resume(struct scsi_task *task, const struct scsi_outcome *outcome);

/* Helpers that doors need. */

/* The LUN of a single-level 8-byte LUN field (SAM-5 4.7.7: peripheral or flat addressing), as the
 * number in port->luns. UINT64_MAX for any other form. */
static inline uint64_t scsi_lun_decode(const uint8_t lun[8])
{
    unsigned number;

    if (be32_get(lun + 2) || be16_get(lun + 6))
        return UINT64_MAX;
    if (!lun[0])
        number = lun[1]; /* peripheral device addressing, bus 0 (SAM-5 4.7.7.2) */
    else if (lun[0] >> 6 == 1)
        number = be16_get(lun) & 0x3fff; /* flat space addressing (SAM-5 4.7.7.3) */
    else
        return UINT64_MAX;
    /* Each LUN has one form: the shorter, if both are possible. */
    return (uint64_t)(number < 256 ? number : 0x4000 | number) << 48;
}

/* 36 lower-case characters and a NUL: the unit serial number. */
void scsi_guid_text(const uint8_t guid[16], char text[37]);

/* Writes sense for an outcome of the caller's own (an aborted task, a full queue). The second is
 * for a task that has not begun, and does not. */
void scsi_task_fail(struct scsi_task *task, const struct scsi_outcome *outcome);
void scsi_task_refuse(struct scsi_task *task, const struct scsi_outcome *outcome);

#endif
