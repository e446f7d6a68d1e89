/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The negotiation of a connection, as a function from an option to its answer. It knows no socket,
 * so tests and the fuzzer can call it. */

#ifndef NBD_OPTION_H
#define NBD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The protocol calls them NOTLS, SELECTIVETLS and FORCEDTLS. */
enum nbd_tls_use { NBD_TLS_NONE, NBD_TLS_OFFERED, NBD_TLS_REQUIRED };

/* The description of a unit that clients get. */
struct nbd_export {
    enum nbd_tls_use tls;
    const char *name;        /* at most NBD_STRING_MAX bytes */
    const char *description;
    uint64_t size;           /* bytes, now */
    uint32_t block_min, block_preferred, block_max; /* bytes */
    uint16_t flags;          /* transmission flags; SEND_DF needs structured replies */
};

/* The wishes of a client so far. */
struct nbd_terms {
    bool no_zeroes;  /* it knows the short answer to NBD_OPT_EXPORT_NAME */
    bool structured; /* structured replies */
    bool extended;   /* extended headers, which imply them */
    bool allocation; /* the metadata context base:allocation */
    bool secure;     /* it speaks through TLS */
};

enum { NBD_ALLOCATION_ID = 1 }; /* the number of base:allocation */

/* The most that an option is answered with: two strings and what surrounds them. */
enum { NBD_ANSWER_MAX = 10240 };

struct nbd_answer {
    uint8_t bytes[NBD_ANSWER_MAX];
    size_t length;
};

enum nbd_course {
    NBD_GO_ON,     /* another option follows */
    NBD_TRANSMIT,  /* the transmission begins after the answer */
    NBD_SECURE,    /* a TLS handshake begins after the answer */
    NBD_LEAVE,     /* the client goes; close after the answer */
    NBD_NO_EXPORT, /* close: the old way to choose an export has no answer for an unknown one */
    NBD_NO_TLS,    /* the same, where TLS is missing */
};

void nbd_greet(struct nbd_answer *answer);
/* Answers an option with its data, of any content; the answer is empty before. */
enum nbd_course nbd_option_take(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, const uint8_t *data, uint32_t length, struct nbd_answer *answer);
/* Answers an option whose data is too long to be read. */
void nbd_option_refuse(uint32_t option, struct nbd_answer *answer);

#endif
