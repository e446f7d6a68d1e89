/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/door.h"
#include "lib/hex.h"

enum { URI_MAX = 4096 };

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* In place (RFC 3986 2.1). */
static int percent_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++, to++) {
        int high, low;

        *to = *from;
        if (*from != '%')
            continue;
        high = spd_hex_value(from[1]);
        low = high < 0 ? -1 : spd_hex_value(from[2]);
        if (low < 0 || !(high || low))
            return spd_fail(SPD_ERROR_URI,
                "'%.3s': a %% is followed by two hexadecimal digits, not both 0", from);
        *to = (char)(high << 4 | low);
        from += 2;
    }
    *to = 0;
    return 0;
}

static int parse_port(const char *text, int *port)
{
    long value = 0;

    *port = -1;
    if (!*text)
        return 0;
    for (const char *c = text; *c; c++) {
        value = is_digit(*c) ? value * 10 + (*c - '0') : 65536;
        if (value > 65535)
            return spd_fail(SPD_ERROR_URI, "port '%s': it must be a number up to 65535", text);
    }
    *port = (int)value;
    return 0;
}

/* Only the zone of an address in brackets may have escapes. RFC 6874 2 writes the zone's % as %25;
 * libiscsi and QEMU want it unchanged, so both forms are taken. */
static int decode_zone(char *host)
{
    char *percent = strchr(host, '%');
    size_t rest;

    if (!percent || strncmp(percent, "%25", 3) != 0 || percent[3] == 0)
        return 0;
    rest = strlen(percent + 3) + 1;
    memmove(percent + 1, percent + 3, rest);
    return percent_decode(percent + 1);
}

/* host[:port], with an IPv6 address in brackets. */
static int parse_authority(char *text, struct spd_uri *uri)
{
    bool bracketed = *text == '[';
    char *port;
    int error;

    if (strchr(text, '@'))
        return spd_fail(SPD_ERROR_URI, "names and passwords in a URI are not accepted");
    if (bracketed) {
        char *bracket = strchr(text, ']');

        if (!bracket || (bracket[1] && bracket[1] != ':'))
            return spd_fail(SPD_ERROR_URI, "address '%s': a ']' is missing or misplaced", text);
        uri->host = text + 1;
        port = bracket[1] ? bracket + 2 : bracket + 1;
        *bracket = 0;
    } else {
        uri->host = text;
        port = text + strcspn(text, ":");
        if (strchr(port + (*port != 0), ':'))
            return spd_fail(
                SPD_ERROR_URI, "address '%s': an IPv6 address must be in brackets", text);
        if (*port)
            *port++ = 0;
    }
    error = parse_port(port, &uri->port);
    if (error)
        return error;
    return bracketed ? decode_zone(uri->host) : percent_decode(uri->host);
}

static int parse_query(char *text, struct spd_uri *uri)
{
    int error = 0;

    while (!error && text) {
        char *next = strchr(text, '&');
        char *value;

        if (next)
            *next++ = 0;
        if (uri->query_count == SPD_URI_QUERY_MAX)
            return spd_fail(SPD_ERROR_URI, "more than %d query parameters", SPD_URI_QUERY_MAX);
        value = text + strcspn(text, "=");
        if (value == text)
            return spd_fail(SPD_ERROR_URI, "a query parameter has no name");
        if (*value)
            *value++ = 0;
        error = percent_decode(text);
        if (!error)
            error = percent_decode(value);
        if (!error && spd_uri_query(uri, text))
            return spd_fail(SPD_ERROR_URI, "query parameter '%s' is given twice", text);
        uri->query[uri->query_count].name = text;
        uri->query[uri->query_count++].value = value;
        text = next;
    }
    return error;
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), RFC 3986 3.1. Returns the text after its
 * ':', NULL when there is no scheme. */
static char *parse_scheme(char *text, struct spd_uri *uri)
{
    char *c = text;

    if (!is_alpha(*c))
        return NULL;
    for (; is_alpha(*c) || is_digit(*c) || (*c && strchr("+-.", *c)); c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    }
    if (*c != ':')
        return NULL;
    *c = 0;
    uri->scheme = text;
    return c + 1;
}

/* The storage is a private copy, cut into pieces in place; the byte after the authority is kept
 * free by moving the authority over the two slashes before it. */
static int parse(struct spd_uri *uri)
{
    char *rest = parse_scheme(uri->storage, uri);
    char *query, *fragment;
    int error = 0;

    if (!rest)
        return spd_fail(
            SPD_ERROR_URI, "'%s' does not begin with a scheme, such as iscsi:", uri->storage);
    fragment = strchr(rest, '#');
    if (fragment)
        return spd_fail(SPD_ERROR_URI, "'%s': write a # as %%23", fragment);
    query = strchr(rest, '?');
    if (query)
        *query++ = 0;
    uri->path = rest;
    if (!strncmp(rest, "//", 2)) {
        size_t length = strcspn(rest + 2, "/");
        bool slash = rest[2 + length] == '/';

        memmove(rest, rest + 2, length);
        rest[length] = 0;
        uri->path = rest + 2 + length + slash;
        error = parse_authority(rest, uri);
    }
    if (!error)
        error = percent_decode(uri->path);
    if (!error && query && *query)
        error = parse_query(query, uri);
    return error;
}

/* An escape counts as one character, so escapes do not make a name too long. */
static size_t length_of(const char *text)
{
    size_t length = 0;

    for (; *text; text++, length++)
        if (*text == '%' && text[1] && text[2])
            text += 2;
    return length;
}

int spd_uri_parse(const char *text, struct spd_uri *uri)
{
    int error;

    memset(uri, 0, sizeof *uri);
    uri->port = -1;
    if (length_of(text) > URI_MAX)
        return spd_fail(SPD_ERROR_URI, "it is longer than %d characters", URI_MAX);
    uri->storage = strdup(text);
    if (!uri->storage)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a device name");
    error = parse(uri);
    if (error)
        spd_uri_free(uri);
    return error;
}

void spd_uri_free(struct spd_uri *uri)
{
    free(uri->storage);
    memset(uri, 0, sizeof *uri);
    uri->port = -1;
}

const char *spd_uri_query(const struct spd_uri *uri, const char *name)
{
    for (uint32_t i = 0; i < uri->query_count; i++) {
        if (!strcmp(uri->query[i].name, name))
            return uri->query[i].value;
    }
    return NULL;
}

int spd_uri_check_query(const struct spd_uri *uri, const char *const allowed[])
{
    for (uint32_t i = 0; i < uri->query_count; i++) {
        const char *name = uri->query[i].name;
        char list[256] = "";
        size_t used = 0;
        bool found = false;

        for (const char *const *at = allowed; *at && !found; at++) {
            found = !strcmp(*at, name);
            if (used < sizeof list)
                used += (size_t)snprintf(
                    list + used, sizeof list - used, "%s%s", used ? ", " : "", *at);
        }
        if (!found)
            return spd_fail(SPD_ERROR_URI_PARAMETER, "'%s' is unknown; %s:// takes %s", name,
                uri->scheme, *list ? list : "none");
    }
    return 0;
}
