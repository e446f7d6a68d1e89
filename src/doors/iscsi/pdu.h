/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The layout of PDUs: RFC 7143 11. */

#ifndef ISCSI_PDU_H
#define ISCSI_PDU_H

#include <stdint.h>

enum {
    ISCSI_BHS = 48,
    ISCSI_AHS_MAX = 255 * 4,
    ISCSI_DIGEST = 4,
    ISCSI_HEADER_MAX = ISCSI_BHS + ISCSI_AHS_MAX + ISCSI_DIGEST,
};

#define ISCSI_NO_TAG 0xffffffffu

/* RFC 7143 11.2.1.2 */
enum iscsi_opcode {
    ISCSI_NOP_OUT = 0x00,
    ISCSI_SCSI_COMMAND = 0x01,
    ISCSI_TASK_REQUEST = 0x02,
    ISCSI_LOGIN_REQUEST = 0x03,
    ISCSI_TEXT_REQUEST = 0x04,
    ISCSI_DATA_OUT = 0x05,
    ISCSI_LOGOUT_REQUEST = 0x06,
    ISCSI_SNACK = 0x10,
    ISCSI_NOP_IN = 0x20,
    ISCSI_SCSI_RESPONSE = 0x21,
    ISCSI_TASK_RESPONSE = 0x22,
    ISCSI_LOGIN_RESPONSE = 0x23,
    ISCSI_TEXT_RESPONSE = 0x24,
    ISCSI_DATA_IN = 0x25,
    ISCSI_LOGOUT_RESPONSE = 0x26,
    ISCSI_R2T = 0x31,
    ISCSI_ASYNC = 0x32,
    ISCSI_REJECT = 0x3f,
    ISCSI_OPCODE_MASK = 0x3f,
    ISCSI_IMMEDIATE = 0x40, /* in byte 0 of requests */
};

/* Where fields are. Those of one PDU type carry its name. */
enum iscsi_field {
    BHS_FLAGS = 1,
    BHS_RESPONSE = 2, /* SCSI, task management and logout responses, reject */
    BHS_STATUS = 3,   /* SCSI response, Data-In */
    BHS_AHS_LENGTH = 4,
    BHS_DATA_LENGTH = 5, /* 24 bits */
    BHS_LUN = 8,
    BHS_ITT = 16,
    BHS_TTT = 20,
    BHS_CMD_SN = 24,  /* requests */
    BHS_STAT_SN = 24, /* responses */
    BHS_EXP_STAT_SN = 28,
    BHS_EXP_CMD_SN = 28,
    BHS_MAX_CMD_SN = 32,
    BHS_DATA_SN = 36, /* Data-Out, Data-In; R2TSN; ExpDataSN */
    BHS_BUFFER_OFFSET = 40,
    BHS_RESIDUAL = 44,

    COMMAND_EXPECTED_LENGTH = 20,
    COMMAND_CDB = 32,
    TASK_REFERENCED_TAG = 20,
    R2T_LENGTH = 44,
    LOGIN_VERSION_MAX = 2,
    LOGIN_VERSION_MIN = 3,
    LOGIN_ISID = 8,
    LOGIN_TSIH = 14,
    LOGIN_CID = 20,
    LOGIN_STATUS = 36,
    LOGOUT_CID = 20,
    ASYNC_EVENT = 36,
    ASYNC_PARAMETER_2 = 40,
    ASYNC_PARAMETER_3 = 42,
};

enum iscsi_flag {
    ISCSI_FINAL = 0x80,
    COMMAND_READ = 0x40,
    COMMAND_WRITE = 0x20,
    COMMAND_ATTRIBUTE = 0x07,
    COMMAND_ORDERED = 2, /* a task attribute */
    TEXT_CONTINUE = 0x40,
    LOGIN_TRANSIT = 0x80,
    LOGIN_CONTINUE = 0x40,
    RESPONSE_OVERFLOW = 0x04,
    RESPONSE_UNDERFLOW = 0x02,
    DATA_IN_STATUS = 0x01,
};

/* RFC 7143 11.17.1 */
enum iscsi_reject_reason {
    REJECT_DATA_DIGEST = 0x02,
    REJECT_SNACK = 0x03,
    REJECT_PROTOCOL = 0x04,
    REJECT_NOT_SUPPORTED = 0x05,
    REJECT_TOO_MANY_IMMEDIATE = 0x06,
    REJECT_TASK_IN_PROGRESS = 0x07,
    REJECT_INVALID_FIELD = 0x09,
    REJECT_OUT_OF_RESOURCES = 0x0a,
};

/* RFC 7143 11.13.5: class and detail */
enum iscsi_login_status {
    LOGIN_SUCCESS = 0x0000,
    LOGIN_INITIATOR_ERROR = 0x0200,
    LOGIN_AUTHENTICATION = 0x0201,
    LOGIN_FORBIDDEN = 0x0202,
    LOGIN_NOT_FOUND = 0x0203,
    LOGIN_VERSION = 0x0205,
    LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
    LOGIN_MISSING_PARAMETER = 0x0207,
    LOGIN_SESSION_TYPE = 0x0209,
    LOGIN_NO_SESSION = 0x020a,
    LOGIN_INVALID_DURING_LOGIN = 0x020b,
    LOGIN_UNAVAILABLE = 0x0301,
    LOGIN_OUT_OF_RESOURCES = 0x0302,
};

/* RFC 7143 11.5.1 */
enum iscsi_task_function {
    TASK_ABORT = 1,
    TASK_ABORT_SET = 2,
    TASK_CLEAR_ACA = 3,
    TASK_CLEAR_SET = 4,
    TASK_LUN_RESET = 5,
    TASK_WARM_RESET = 6,
    TASK_COLD_RESET = 7,
    TASK_REASSIGN = 8,
};

/* RFC 7143 11.6.1 */
enum iscsi_task_result {
    TASK_COMPLETE = 0,
    TASK_NO_TASK = 1,
    TASK_NO_LUN = 2,
    TASK_NO_REASSIGN = 4,
    TASK_NOT_SUPPORTED = 5,
    TASK_NOT_AUTHORIZED = 6,
    TASK_REJECTED = 255,
};

#endif
