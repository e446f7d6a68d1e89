/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The needs of a door for TLS: its certificate, the authority that signs those of its clients, and
 * the keys that it shares with clients. All files are read once, at the start. So a sandbox cannot
 * hide them, and no handshake waits for a disk. */

#ifndef NBD_CREDENTIALS_H
#define NBD_CREDENTIALS_H

#include <stdbool.h>

#include <gnutls/gnutls.h>

struct spd_uri;

struct nbd_credentials {
    gnutls_certificate_credentials_t certificates; /* NULL: none */
    gnutls_psk_server_credentials_t shared;        /* NULL: none */
    gnutls_priority_t priority;
    char *keys;          /* the text of the file of shared keys, or NULL */
    size_t keys_length;
    bool verifies_peers; /* by certificates; false: without one they are nobody in particular */
};

/* The parameters of a URI that are about TLS, for lists of those that are allowed. */
#define NBD_TLS_PARAMETERS \
    "tls-certificates", "tls-cert", "tls-key", "tls-ca", "tls-verify-peer", "tls-psk-file"

/* *credentials: malloc'ed, NULL if the URI has nothing about TLS. 0 or a spd_error with its
 * detail. */
int nbd_credentials_load(const struct spd_uri *uri, struct nbd_credentials **credentials);
/* Does nothing to NULL. */
void nbd_credentials_free(struct nbd_credentials *credentials);
/* Clients have to prove who they are. */
bool nbd_credentials_tell_clients(const struct nbd_credentials *credentials);

#endif
