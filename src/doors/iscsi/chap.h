/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* CHAP (RFC 1994, RFC 7143 12.1.3): accounts with their secrets, and the exchange in a login. */

#ifndef ISCSI_CHAP_H
#define ISCSI_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"

enum {
    CHAP_SECRET_MIN = 12, /* RFC 7143 9.2.1: 96 bits */
    CHAP_SECRET_MAX = 255,
    CHAP_NAME_MAX = 255,
    CHAP_HASH_MAX = 32,
    CHAP_CHALLENGE = 32,      /* bytes of the challenge of this side */
    CHAP_CHALLENGE_MAX = 1024, /* RFC 7143 12.1.3: bytes of the initiator's challenge */
    CHAP_ACCOUNTS_MAX = 1024,
    CHAP_BINDINGS_MAX = 4096,
};

struct iscsi_chap_account {
    char name[CHAP_NAME_MAX + 1];
    char secret[CHAP_SECRET_MAX + 1];
};

/* An account and an InitiatorName that the file binds to each other. */
struct iscsi_chap_binding {
    char account[CHAP_NAME_MAX + 1];
    char initiator[ISCSI_NAME_MAX + 1];
    unsigned line;
};

struct iscsi_chap_accounts {
    struct iscsi_chap_account *list;
    uint32_t count;
    uint32_t binding_count;
    struct iscsi_chap_binding *bindings;
    bool secret; /* os_secrets_begin() was called for them */
};

/* secrets.c: a file of lines "name secret" and "@name initiator[,initiator...]"; empty lines and
 * those that begin with # do not count. Only its owner may read it: the server's user or root. 0,
 * or a spd_error with a detail. */
int iscsi_chap_load(const char *path, struct iscsi_chap_accounts *accounts);
void iscsi_chap_free(struct iscsi_chap_accounts *accounts);

/* Whether the file lets this account use this name: a bound account uses no other name, and no
 * other account uses its names. If neither is bound, claim.h decides. */
bool iscsi_chap_may_use(
    const struct iscsi_chap_accounts *accounts, const char *account, const char *initiator);

enum iscsi_chap_state {
    CHAP_WAIT_ALGORITHM, /* for CHAP_A */
    CHAP_WAIT_RESPONSE,  /* for CHAP_N, CHAP_R and perhaps CHAP_I, CHAP_C */
    CHAP_DONE,
};

struct iscsi_chap {
    enum iscsi_chap_state state;
    uint8_t algorithm; /* IANA's number */
    uint8_t identifier;
    uint8_t challenge[CHAP_CHALLENGE];
    const char *name; /* name of the account that proved itself; NULL before */
    const char *why;  /* the reason of a step that was false, only for the log */
};

/* The CHAP keys of a login request; NULL for keys that were not sent. */
struct iscsi_chap_keys {
    const char *algorithms; /* CHAP_A */
    const char *name;       /* CHAP_N */
    const char *response;   /* CHAP_R */
    const char *identifier; /* CHAP_I */
    const char *challenge;  /* CHAP_C */
};

/* The target's demands. */
struct iscsi_chap_rules {
    const struct iscsi_chap_accounts *initiators;
    /* Our own name and secret as its only account, or none. */
    const struct iscsi_chap_accounts *mutual;
    bool demand_mutual; /* an initiator must have the target authenticate */
};

/* Does one step: takes the keys and writes ours. False: the initiator's proof is wrong, or the
 * exchange is out of order; chap->why says which. */
bool iscsi_chap_step(struct iscsi_chap *chap, const struct iscsi_chap_rules *rules,
    const struct iscsi_chap_keys *keys, struct iscsi_text *answer);

/* For tests and tools: the response of RFC 1994 4.1. Returns its length, 0 when the algorithm is
 * not one that this side offers. */
size_t iscsi_chap_hash(uint8_t algorithm, uint8_t identifier, const char *secret,
    const uint8_t *challenge, size_t length, uint8_t hash[CHAP_HASH_MAX]);

/* Bytes of a 0x or 0b constant (RFC 7143 6.1); 0 when it is not one or does not fit. */
size_t iscsi_chap_binary(const char *text, uint8_t *bytes, size_t size);

#endif
