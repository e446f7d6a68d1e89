/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A login: RFC 7143 6.3, 11.12, 11.13. login.c has its stages, login_keys.c takes its keys. */

#ifndef ISCSI_LOGIN_H
#define ISCSI_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "os/os.h"

struct iscsi_connection;
struct iscsi_portal;
struct iscsi_target;

enum iscsi_stage {
    STAGE_SECURITY = 0,
    STAGE_OPERATIONAL = 1,
    STAGE_FULL_FEATURE = 3,
};

enum iscsi_method {
    METHOD_UNKNOWN,
    METHOD_NONE,
    METHOD_CHAP,
};

/* Claims hold the initiator's own words about itself so far; unset ones are empty. */
struct iscsi_login_claims {
    char initiator[ISCSI_NAME_MAX + 1];
    char target[ISCSI_NAME_MAX + 1];
    char user[CHAP_NAME_MAX + 1];
    char why[160]; /* reason of a refusal; empty: the status says it all */
};

struct iscsi_login {
    uint8_t stage;
    uint8_t next;         /* stage that the initiator asked for; the present one when it did not */
    bool begun;           /* the first request was taken */
    bool named;           /* its keys were, too */
    bool declared;        /* our MaxRecvDataSegmentLength was sent */
    uint8_t method;       /* enum iscsi_method */
    uint32_t rounds;
    uint8_t isid[6];
    uint16_t tsih;
    uint8_t itt[4];
    uint32_t cmd_sn;
    struct iscsi_target *target; /* the named target, or for a discovery the one whose account it
                           * has proven; NULL: none so far */
    bool session_type;    /* these keys were sent */
    bool initiator;
    bool has_target;
    bool wrong_target;    /* no target here has that name */
    uint16_t refusal;     /* the status that a delayed answer has */
    struct iscsi_login_claims claims;
    struct iscsi_chap chap;
    struct iscsi_chap_keys chap_keys;
    struct iscsi_params params;
    uint32_t text_length; /* bytes of keys so far, while the C bit says that more follow */
    char *text;
};

/* NULL: not enough memory. */
struct iscsi_login *iscsi_login_new(void);
void iscsi_login_free(struct iscsi_login *login);
/* Answers with that status, logs the refused initiator and the reason, and closes. why: NULL or
 * empty if the status says it all. An initiator that failed to authenticate gets the answer later,
 * at c->deadline. */
void iscsi_login_refuse(struct iscsi_connection *c, uint16_t status, const char *why);
void iscsi_login_refuse_late(struct iscsi_connection *c);
/* The header of a login request has come, the first of which begins the login. */
void iscsi_login_begin(struct iscsi_connection *c, const uint8_t *bhs);
void iscsi_login_request(
    struct iscsi_connection *c, const uint8_t *bhs, char *data, uint32_t length);
/* The last response of a login whose keys are settled, and the session: on the session's loop. It
 * may have to wait. */
void iscsi_login_seat(struct iscsi_connection *c);
/* Continues a login that need not wait any more; one in each turn. */
void iscsi_login_resume(struct iscsi_portal *portal);

/* login_keys.c: whether it must authenticate, or may. */
bool iscsi_login_needs_chap(const struct iscsi_connection *c);
bool iscsi_login_takes_chap(const struct iscsi_connection *c);

/* login_keys.c: notes the reason for the log, beyond the status; returns the status. */
OS_PRINTF(3, 4) uint16_t iscsi_login_fault(
    struct iscsi_login *login, uint16_t status, const char *format, ...);
/* Takes the keys of login->text, which are complete, and writes the answers. */
uint16_t iscsi_login_take_keys(struct iscsi_connection *c, struct iscsi_text *answer);

#endif
