/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The memory that the kernel's target shares with a program: a mailbox, a ring of entries, and the
 * data area. The kernel documents it in Documentation/target/tcmu-design.rst and
 * <linux/target_core_user.h>. Numbers have the processor's byte order. The structures there are
 * packed, so here are the offsets of their members instead.
 */

#ifndef DOORS_TCMU_PROTOCOL_H
#define DOORS_TCMU_PROTOCOL_H

enum { TCMU_VERSION = 2 };

/* The mailbox, at the beginning. */
enum {
    MAILBOX_VERSION = 0,   /* 16 bits */
    MAILBOX_FLAGS = 2,     /* 16 bits */
    MAILBOX_RING = 4,      /* 32 bits: offset of the ring */
    MAILBOX_RING_SIZE = 8, /* 32 bits */
    MAILBOX_HEAD = 12,     /* 32 bits: where the kernel puts the next entry */
    MAILBOX_TAIL = 64,     /* 32 bits: the first entry that the program has not ended */
    MAILBOX_SIZE = 128,
};

/* Abilities of the kernel, in the mailbox's flags. */
enum {
    TCMU_CAN_REORDER = 0x1,      /* an entry may carry the answer to another command */
    TCMU_CAN_READ_LENGTH = 0x2,  /* an answer has the length of data-in */
    TCMU_CAN_NOTIFY_TASKS = 0x4, /* entries tell of task management */
};

/* An entry begins with a header; its length is a multiple of 8. */
enum {
    ENTRY_LENGTH = 0, /* 32 bits, whose lowest three are the opcode */
    ENTRY_ID = 4,     /* 16 bits */
    ENTRY_KERNEL = 6, /* 8 bits: flags of the kernel */
    ENTRY_FLAGS = 7,  /* 8 bits: flags of the program */
    ENTRY_HEADER = 8,
    ENTRY_OPCODE_MASK = 0x7,
};

enum { TCMU_PAD = 0, TCMU_COMMAND = 1, TCMU_TASKS = 2 };

/* Flags of the program. */
enum { TCMU_UNKNOWN_OPCODE = 0x1, TCMU_HAS_READ_LENGTH = 0x2 };

/* A command: its request, which the answer overwrites. */
enum {
    COMMAND_VECS = 8,      /* 32 bits: the number of vectors for data, either way */
    COMMAND_MORE_VECS = 12, /* 32 bits: those of a bidirectional command's data-in */
    COMMAND_CDB = 24,      /* 64 bits: the CDB's offset in the memory */
    COMMAND_VEC = 48,      /* the vectors: offset in the memory, length, 64 bits each */
    VEC_SIZE = 16,

    ANSWER_STATUS = 8,       /* 8 bits */
    ANSWER_READ_LENGTH = 12, /* 32 bits */
    ANSWER_SENSE = 16,
    ANSWER_SENSE_SIZE = 96,
    ANSWER_END = ANSWER_SENSE + ANSWER_SENSE_SIZE,
};

/* A notice of task management: which commands the kernel has aborted, or a reset. */
enum {
    TASKS_FUNCTION = 8, /* 8 bits */
    TASKS_COUNT = 12,   /* 32 bits: the number of ids */
    TASKS_IDS = 32,     /* 16 bits each */
};

enum {
    TCMU_ABORT_TASK = 1,
    TCMU_ABORT_TASK_SET = 2,
    TCMU_CLEAR_TASK_SET = 4,
    TCMU_LUN_RESET = 5,
    TCMU_TARGET_WARM_RESET = 6,
    TCMU_TARGET_COLD_RESET = 7,
};

#endif
