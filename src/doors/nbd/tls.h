/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A TLS connection on a socket that never blocks. It belongs to the loop's thread. */

#ifndef NBD_TLS_H
#define NBD_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "os/net.h"

struct nbd_credentials;
struct nbd_tls;

enum nbd_handshake { NBD_HANDSHAKE_DONE, NBD_HANDSHAKE_WAITS, NBD_HANDSHAKE_FAILED };

/* NULL: no memory. The socket and the credentials stay the caller's, and outlive it. */
struct nbd_tls *nbd_tls_new(struct nbd_credentials *credentials, os_socket socket);
/* Says goodbye, as far as the socket takes it at once, and frees. Does nothing to NULL. */
void nbd_tls_free(struct nbd_tls *tls);

/* Takes all steps that the socket allows now. */
enum nbd_handshake nbd_tls_handshake(struct nbd_tls *tls);
/* It waits until the socket takes more, and not until more comes. */
bool nbd_tls_waits_to_send(const struct nbd_tls *tls);
/* The client's name, which it has proved: "user NAME" or the subject of its certificate; "" if it
 * has none. The client may have chosen the text. */
void nbd_tls_name(const struct nbd_tls *tls, char *text, size_t size);

/* As os_send() and os_receive(). After -OS_NET_WOULD_BLOCK, a send begins with the same bytes. */
ptrdiff_t nbd_tls_send(struct nbd_tls *tls, const struct os_vec *vecs, unsigned count);
ptrdiff_t nbd_tls_receive(struct nbd_tls *tls, const struct os_vec *vecs, unsigned count);
/* Nothing more comes, and perhaps no event of the socket will tell that. */
bool nbd_tls_has_ended(const struct nbd_tls *tls);
/* Why a function has failed, until the next one. */
const char *nbd_tls_text(const struct nbd_tls *tls);

#endif
