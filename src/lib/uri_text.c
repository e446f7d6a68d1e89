/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Device names as text. It escapes characters that would end a part of the name, that mean
 * something to a shell, or that cannot be printed. Letters of other scripts stay: people read them,
 * and libiscsi does not decode their escapes.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/uri.h"

/* RFC 3986 2.3 */
static const char unreserved[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

static char *put(char *to, const char *text)
{
    size_t length = strlen(text);

    memcpy(to, text, length + 1);
    return to + length;
}

/* also: characters that this part of a name may have besides the unreserved ones. */
static char *put_escaped(char *to, const char *text, const char *also)
{
    while (*text) {
        size_t length = spd_printable(text);

        if (length > 1 || strchr(unreserved, *text) || strchr(also, *text)) {
            memcpy(to, text, length);
            to += length;
            text += length;
        } else {
            to += sprintf(to, "%%%02X", (unsigned char)*text++);
        }
    }
    *to = 0;
    return to;
}

/* Whether it is an IPv6 address, perhaps with a zone, which needs brackets. */
static bool is_literal(const char *host)
{
    size_t length = strspn(host, "0123456789abcdefABCDEF:.");

    return memchr(host, ':', length) && (host[length] == 0 || host[length] == '%');
}

/* A zone is written bare if that cannot be misread: initiators do not know its other form. */
static char *put_literal(char *to, const char *host)
{
    const char *zone = strchr(host, '%');
    size_t length = zone ? (size_t)(zone - host) : strlen(host);
    bool bare = zone && zone[1] && strncmp(zone, "%25", 3) != 0 &&
        zone[1 + strspn(zone + 1, unreserved)] == 0;

    to += sprintf(to, "[%.*s", (int)length, host);
    if (bare)
        to = put(to, zone);
    else if (zone)
        to = put_escaped(put(to, "%25"), zone + 1, "");
    return put(to, "]");
}

static char *put_authority(char *to, const struct spd_uri *uri)
{
    to = put(to, "//");
    to = is_literal(uri->host) ? put_literal(to, uri->host) : put_escaped(to, uri->host, "");
    if (uri->port >= 0)
        to += sprintf(to, ":%d", uri->port);
    return put(to, "/");
}

static char *put_path(char *to, const struct spd_uri *uri)
{
    static const char also[] = "/:,@+=";
    const char *path = uri->path ? uri->path : "";

    /* Two slashes would begin an authority. */
    if (!uri->host && strncmp(path, "//", 2) == 0) {
        to = put(to, "/%2F");
        path += 2;
    }
    return put_escaped(to, path, also);
}

static char *put_query(char *to, const struct spd_uri *uri)
{
    for (uint32_t i = 0; i < uri->query_count; i++) {
        to = put(to, i == 0 ? "?" : "&");
        to = put_escaped(to, uri->query[i].name, "/:,@+");
        to = put(to, "=");
        to = put_escaped(to, uri->query[i].value, "/:,@+=");
    }
    return to;
}

/* Room for each byte as an escape. */
static size_t room_for(const struct spd_uri *uri)
{
    size_t room = strlen(uri->scheme) + sizeof "://[%25]:65535/";

    room += 3 * (strlen(uri->host ? uri->host : "") + strlen(uri->path ? uri->path : ""));
    for (uint32_t i = 0; i < uri->query_count; i++)
        room += 2 + 3 * (strlen(uri->query[i].name) + strlen(uri->query[i].value));
    return room + 2;
}

char *spd_uri_text(const struct spd_uri *uri)
{
    char *text = malloc(room_for(uri)), *to;

    if (!text)
        return NULL;
    to = put(put(text, uri->scheme), ":");
    if (uri->host)
        to = put_authority(to, uri);
    put_query(put_path(to, uri), uri);
    return text;
}
