/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The options of a connection, and its TLS handshake, one step at a time. */

#include "doors/nbd/door.h"

#include <stdio.h>
#include <string.h>

#include "scsi/be.h"

enum { LONGEST_OPTION = NBD_INPUT - NBD_OPTION_HEADER, LONGEST_SKIP = 1 << 20 };

bool nbd_take_flags(struct nbd_client *client)
{
    uint32_t flags;

    if (!nbd_input_have(client, 4))
        return false;
    flags = be32_get(client->input + client->input_at);
    client->input_at += 4;
    if (flags & ~(uint32_t)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "its handshake has flags that nobody offered");
        return false;
    }
    client->terms.no_zeroes = flags & NBD_FLAG_NO_ZEROES;
    client->phase = NBD_OPTIONS;
    return true;
}

/* Bytes behind the option would be ones that anyone on the way may have put there. */
static void begin_handshake(struct nbd_client *client)
{
    if (nbd_input_buffered(client) > 0) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "something follows its wish for TLS");
        return;
    }
    client->terms = (struct nbd_terms){ .no_zeroes = client->terms.no_zeroes };
    client->phase = NBD_SECURING;
}

static void follow(struct nbd_client *client, enum nbd_course course)
{
    switch (course) {
    case NBD_GO_ON:
        break;
    case NBD_TRANSMIT:
        nbd_session_begin(client);
        break;
    case NBD_SECURE:
        begin_handshake(client);
        break;
    case NBD_LEAVE:
        client->eof = client->parting = true;
        break;
    case NBD_NO_EXPORT:
        nbd_client_kill(client, SPD_END_PROTOCOL, "it asked for an export that is not there");
        break;
    case NBD_NO_TLS:
        nbd_client_kill(client, SPD_END_REFUSED, "it has no TLS");
        break;
    }
}

static bool refuse_option(struct nbd_client *client, uint32_t option, uint32_t length)
{
    if (length > LONGEST_SKIP) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "an option of more than a megabyte");
        return false;
    }
    client->input_at += NBD_OPTION_HEADER;
    client->skip = length;
    nbd_option_refuse(option, &client->answer);
    client->answer_sent = 0;
    return true;
}

static bool answer_is_sent(struct nbd_client *client)
{
    nbd_client_send(client);
    return !nbd_client_is_gone(client) && client->answer_sent == client->answer.length;
}

/* The answer to one option is sent before the next one is read: so there is room for it. */
bool nbd_take_option(struct nbd_client *client)
{
    struct nbd_export export;
    const uint8_t *at;
    uint32_t option, length;
    enum nbd_course course;

    if (!answer_is_sent(client))
        return false;
    if (!nbd_input_skip(client) || !nbd_input_have(client, NBD_OPTION_HEADER))
        return false;
    at = client->input + client->input_at;
    option = be32_get(at + 8);
    length = be32_get(at + 12);
    if (be64_get(at) != NBD_OPTION_MAGIC) {
        nbd_client_kill(client, SPD_END_PROTOCOL, "an option does not begin as options do");
        return false;
    }
    if (length > LONGEST_OPTION)
        return refuse_option(client, option, length);
    if (!nbd_input_have(client, NBD_OPTION_HEADER + length))
        return false;
    at = client->input + client->input_at + NBD_OPTION_HEADER;
    client->input_at += NBD_OPTION_HEADER + length;
    nbd_export_describe(client->door, &export);
    course = nbd_option_take(&export, &client->terms, option, at, length, &client->answer);
    client->answer_sent = 0;
    follow(client, course);
    return !nbd_client_is_gone(client);
}

static void add_name(struct nbd_client *client)
{
    char name[NBD_NAME_MAX];
    size_t length = strlen(client->who);

    nbd_tls_name(client->tls, name, sizeof name);
    if (name[0])
        snprintf(client->who + length, sizeof client->who - length, ", %s", name);
}

bool nbd_take_handshake(struct nbd_client *client)
{
    if (!client->tls && !answer_is_sent(client))
        return false;
    if (!client->tls)
        client->tls = nbd_tls_new(client->door->credentials, client->watch.socket);
    if (!client->tls) {
        nbd_client_kill(client, SPD_END_NO_ROOM, "no memory for TLS");
        return false;
    }
    switch (nbd_tls_handshake(client->tls)) {
    case NBD_HANDSHAKE_DONE:
        client->terms.secure = true;
        client->readable = true; /* the handshake may have read more than its own bytes */
        client->phase = NBD_OPTIONS;
        add_name(client);
        return true;
    case NBD_HANDSHAKE_WAITS:
        break;
    case NBD_HANDSHAKE_FAILED:
        nbd_client_kill(client, SPD_END_REFUSED, nbd_tls_text(client->tls));
        break;
    }
    return false;
}
