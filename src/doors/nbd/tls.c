/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * GnuTLS reads a record in two steps, its header and the rest. So it reads from a buffer here that
 * is filled by one call of the system. Data to send is gathered into whole records, since each has
 * its cost.
 */

#include "doors/nbd/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "doors/nbd/credentials.h"

enum { RECORD = 16 * 1024, AHEAD = 2 * RECORD, TEXT_MAX = 200 };

struct nbd_tls {
    gnutls_session_t session;
    os_socket socket;
    size_t pending; /* bytes of a record that GnuTLS has, but not yet the socket */
    bool ended;     /* nothing more comes */
    bool open;      /* the handshake is done, and nothing has failed */
    size_t at, end; /* the bytes below that GnuTLS has not read */
    char text[TEXT_MAX];
    uint8_t ahead[AHEAD];
};

static ssize_t pull(gnutls_transport_ptr_t context, void *to, size_t length)
{
    struct nbd_tls *tls = context;

    if (tls->at == tls->end) {
        struct os_vec room = { .base = tls->ahead, .length = AHEAD };
        ptrdiff_t n = os_receive(tls->socket, &room, 1);

        if (n <= 0) {
            gnutls_transport_set_errno(tls->session, n == -OS_NET_WOULD_BLOCK ? EAGAIN : (int)-n);
            return n < 0 ? -1 : 0;
        }
        tls->at = 0;
        tls->end = (size_t)n;
    }
    if (length > tls->end - tls->at)
        length = tls->end - tls->at;
    memcpy(to, tls->ahead + tls->at, length);
    tls->at += length;
    return (ssize_t)length;
}

static bool prepare(struct nbd_tls *tls, struct nbd_credentials *credentials)
{
    if (gnutls_init(&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return false;
    gnutls_session_set_ptr(tls->session, credentials);
    gnutls_transport_set_int2(tls->session, tls->socket, tls->socket);
    gnutls_transport_set_ptr2(
        tls->session, tls, (gnutls_transport_ptr_t)(intptr_t)tls->socket);
    gnutls_transport_set_pull_function(tls->session, pull);
    if (gnutls_priority_set(tls->session, credentials->priority) < 0)
        return false;
    if (credentials->shared &&
        gnutls_credentials_set(tls->session, GNUTLS_CRD_PSK, credentials->shared) < 0)
        return false;
    if (!credentials->certificates)
        return true;
    if (credentials->verifies_peers) {
        static gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
            .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };

        gnutls_certificate_server_set_request(tls->session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert2(tls->session, &purpose, 1, 0);
    }
    return gnutls_credentials_set(
               tls->session, GNUTLS_CRD_CERTIFICATE, credentials->certificates) >= 0;
}

struct nbd_tls *nbd_tls_new(struct nbd_credentials *credentials, os_socket socket)
{
    struct nbd_tls *tls = calloc(1, sizeof *tls);

    if (!tls)
        return NULL;
    tls->socket = socket;
    if (prepare(tls, credentials))
        return tls;
    nbd_tls_free(tls);
    return NULL;
}

void nbd_tls_free(struct nbd_tls *tls)
{
    if (!tls)
        return;
    if (tls->open)
        gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    if (tls->session)
        gnutls_deinit(tls->session);
    free(tls);
}

static ptrdiff_t fail(struct nbd_tls *tls, int error)
{
    const char *alert = NULL;

    tls->open = false;
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED || error == GNUTLS_E_WARNING_ALERT_RECEIVED)
        alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
    snprintf(tls->text, sizeof tls->text, "TLS: %s%s%s", gnutls_strerror(error),
        alert ? ": the client says: " : "", alert ? alert : "");
    return -EPROTO;
}

/* GnuTLS's own words for these are about the protocol. */
static void explain(struct nbd_tls *tls, int error)
{
    gnutls_datum_t text;

    if (error == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER || error == GNUTLS_E_DECRYPTION_FAILED)
        snprintf(tls->text, sizeof tls->text,
            "TLS: its name or its key is none of the file, or it speaks another TLS");
    if (error != GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        return;
    if (gnutls_certificate_verification_status_print(
            gnutls_session_get_verify_cert_status(tls->session), GNUTLS_CRT_X509, &text, 0) < 0)
        return;
    snprintf(tls->text, sizeof tls->text, "TLS: %s", (const char *)text.data);
    gnutls_free(text.data);
}

enum nbd_handshake nbd_tls_handshake(struct nbd_tls *tls)
{
    int result;

    do
        result = gnutls_handshake(tls->session);
    while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
    if (result == GNUTLS_E_AGAIN)
        return NBD_HANDSHAKE_WAITS;
    if (result < 0) {
        fail(tls, result);
        explain(tls, result);
        gnutls_alert_send_appropriate(tls->session, result);
        return NBD_HANDSHAKE_FAILED;
    }
    tls->open = true;
    return NBD_HANDSHAKE_DONE;
}

bool nbd_tls_waits_to_send(const struct nbd_tls *tls)
{
    return gnutls_record_get_direction(tls->session) == 1;
}

static void name_certificate(const struct nbd_tls *tls, char *text, size_t size)
{
    unsigned count = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(tls->session, &count);
    gnutls_x509_crt_t certificate;

    if (!list || count == 0 || gnutls_x509_crt_init(&certificate) < 0)
        return;
    if (gnutls_x509_crt_import(certificate, &list[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn(certificate, text, &size) < 0)
        text[0] = '\0';
    gnutls_x509_crt_deinit(certificate);
}

void nbd_tls_name(const struct nbd_tls *tls, char *text, size_t size)
{
    const char *user = NULL;

    text[0] = '\0';
    if (gnutls_auth_client_get_type(tls->session) == GNUTLS_CRD_CERTIFICATE)
        name_certificate(tls, text, size);
    else
        user = gnutls_psk_server_get_username(tls->session);
    if (user)
        snprintf(text, size, "user %s", user);
}

/* Data. */

static size_t copy(uint8_t *to, const struct os_vec *vecs, unsigned count, size_t skip)
{
    size_t length = 0;

    for (unsigned i = 0; i < count && length < RECORD; i++) {
        size_t begin = skip < vecs[i].length ? skip : vecs[i].length;
        size_t part = vecs[i].length - begin;

        skip -= begin;
        if (part > RECORD - length)
            part = RECORD - length;
        memcpy(to + length, (const uint8_t *)vecs[i].base + begin, part);
        length += part;
    }
    return length;
}

/* After GNUTLS_E_AGAIN the record is GnuTLS's, and the next call only moves it on. */
static ptrdiff_t send_record(struct nbd_tls *tls, const uint8_t *record, size_t length)
{
    ssize_t n;

    do
        n = tls->pending ? gnutls_record_send(tls->session, NULL, 0)
                         : gnutls_record_send(tls->session, record, length);
    while (n == GNUTLS_E_INTERRUPTED);
    if (n == GNUTLS_E_AGAIN) {
        tls->pending = length;
        return -OS_NET_WOULD_BLOCK;
    }
    if (n < 0)
        return fail(tls, (int)n);
    tls->pending = 0;
    return n;
}

ptrdiff_t nbd_tls_send(struct nbd_tls *tls, const struct os_vec *vecs, unsigned count)
{
    uint8_t record[RECORD];
    size_t sent = 0;

    for (;;) {
        size_t length = tls->pending ? tls->pending : copy(record, vecs, count, sent);
        ptrdiff_t n = length ? send_record(tls, record, length) : 0;

        if (n <= 0)
            return sent || n == 0 ? (ptrdiff_t)sent : n;
        sent += (size_t)n;
    }
}

bool nbd_tls_has_ended(const struct nbd_tls *tls)
{
    return tls->ended || !tls->open;
}

/* Bytes, 0 at the end, or minus an error. */
static ptrdiff_t receive_some(struct nbd_tls *tls, uint8_t *to, size_t length)
{
    ssize_t n;

    if (nbd_tls_has_ended(tls))
        return tls->ended ? 0 : -EPROTO;
    do
        n = gnutls_record_recv(tls->session, to, length);
    while (n == GNUTLS_E_INTERRUPTED);
    if (n == GNUTLS_E_AGAIN)
        return -OS_NET_WOULD_BLOCK;
    /* NBD says goodbye itself, so it does not matter whether TLS does. */
    tls->ended = n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION;
    if (tls->ended)
        return 0;
    return n < 0 ? fail(tls, (int)n) : n;
}

ptrdiff_t nbd_tls_receive(struct nbd_tls *tls, const struct os_vec *vecs, unsigned count)
{
    size_t received = 0;

    for (unsigned i = 0; i < count; i++) {
        for (size_t done = 0; done < vecs[i].length;) {
            ptrdiff_t n =
                receive_some(tls, (uint8_t *)vecs[i].base + done, vecs[i].length - done);

            if (n <= 0)
                return received ? (ptrdiff_t)received : n;
            done += (size_t)n;
            received += (size_t)n;
        }
    }
    return (ptrdiff_t)received;
}

const char *nbd_tls_text(const struct nbd_tls *tls)
{
    return tls->text;
}
