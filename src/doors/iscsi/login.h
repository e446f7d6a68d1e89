/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A login under way, for login.c, which has its stages, and login_keys.c, which takes its keys. */

#ifndef ISCSI_LOGIN_H
#define ISCSI_LOGIN_H

#include "doors/iscsi/iscsi.h"

enum stage {
    STAGE_SECURITY = 0,
    STAGE_OPERATIONAL = 1,
    STAGE_FULL_FEATURE = 3,
};

enum method {
    METHOD_UNKNOWN,
    METHOD_NONE,
    METHOD_CHAP,
};

struct login {
    uint8_t stage;
    uint8_t next;         /* stage that the initiator asked for; the present one when it did not */
    bool begun;           /* the first request was taken */
    bool named;           /* its keys were, too */
    bool declared;        /* our MaxRecvDataSegmentLength was sent */
    uint8_t method;       /* enum method */
    uint32_t rounds;
    uint8_t isid[6];
    uint16_t tsih;
    uint8_t itt[4];
    uint32_t cmd_sn;
    bool session_type;    /* these keys were sent */
    bool initiator;
    bool target;
    bool wrong_target;
    uint16_t refusal;     /* the status that a delayed answer has */
    struct login_claims claims;
    struct chap chap;
    struct chap_keys chap_keys;
    struct iscsi_params params;
    uint32_t text_length; /* of keys so far, while the C bit says that more follow */
    char *text;
};

/* Notes for the log what the status does not say; returns the status. */
OS_PRINTF(3, 4) uint16_t login_fault(
    struct login *login, uint16_t status, const char *format, ...);

/* login_keys.c: takes the keys of login->text, which are complete, and writes the answers. */
uint16_t login_take_keys(struct connection *c, struct iscsi_text *answer);

#endif
